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
      }
    >

export type RenewalReason = 'absent' | 'early' | 'expired' | 'rejected'
