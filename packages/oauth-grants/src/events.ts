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
  | Event<'interaction', { readonly outcome: 'needed' | 'done' | 'failed'; readonly code?: string }>

/** `scope`: a resource demanded more than the token has. */
export type RenewalReason = 'absent' | 'early' | 'expired' | 'rejected' | 'scope'
