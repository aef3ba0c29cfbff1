/**
 * What happens while a token is obtained and kept. A handler of these can be given to discovery as well.
 *
 * @module
 */
import type { DiscoveryEvent, Event } from '@x/oauth-discovery'

export type GrantEvent =
  | DiscoveryEvent
  | Event<
      'renewal',
      {
        readonly why: RenewalReason
        readonly outcome: 'started' | 'obtained' | 'adopted' | 'failed'
        readonly code?: string
        /** Where the server granted another scope than was asked for (RFC 6749 §3.3). */
        readonly granted?: 'less' | 'more'
      }
    >
  | Event<'lease', { readonly outcome: 'waiting' | 'held' | 'lost' }>
  /** A resource has refused a token. A renewal that fails is told as such, and makes the call fail. */
  | Event<
      'refusal',
      {
        readonly url: string
        readonly status: number
        /** `repeated`: the request goes out again, with another token. `passed_on`: the caller gets the refusal. */
        readonly outcome: 'repeated' | 'passed_on'
        readonly why?: RefusalReason
      }
    >
  | Event<'interaction', { readonly outcome: 'needed' | 'done' | 'failed'; readonly code?: string }>

/** `scope`: a resource demanded more than the token has. */
export type RenewalReason = 'absent' | 'early' | 'expired' | 'rejected' | 'scope'

/**
 * Why a refusal is the answer. `stream`: the body can be read once; the next request has the new token. `again`: so it was
 * with the new token. `same_token`: there is no other. `redirected`: the request may have run before. `elsewhere`: a
 * redirect led to another origin, which saw no token. `proof`: not the token was refused (RFC 9449 §9), with a stream at
 * once, else twice.
 */
export type RefusalReason = 'stream' | 'again' | 'same_token' | 'redirected' | 'elsewhere' | 'proof'
