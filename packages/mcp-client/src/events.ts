/**
 * What happens on a connection beside the calls that are made.
 *
 * @module
 */
import type { Event } from '@x/oauth-discovery'

export type MCPEvent =
  /** `lost`: the server has forgotten it, and there will be another one. `era`: which protocol both speak. */
  | Event<'session', { readonly outcome: 'opened' | 'lost'; readonly era?: 'modern' | 'legacy' | undefined }>
  | Event<
      'subscription',
      { readonly outcome: 'listening' | 'ended' | 'failed'; readonly code?: string | undefined }
    >
  /** The stream by which a server of 2025 sends on its own: `code` is why there is none. */
  | Event<'stream', { readonly outcome: 'failed'; readonly code: string }>
