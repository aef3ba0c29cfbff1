/**
 * Where a host is, as far as its name or its address tells.
 *
 * @module
 */
import { reachOfAddress } from '#addresses'

/** `special`: what is no host's address, such as multicast, or only a link's, where clouds give out credentials. */
export type Reach = 'public' | 'private' | 'loopback' | 'special'

/** URL parsers have already rewritten `0x7f.1`, `2130706433` and the like to one form. */
export function isLoopback(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost\.?|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}

/**
 * An address is judged by the registries of IANA, a name by what is set aside for private use: one label,
 * `.local` (RFC 6762 §3), `.home.arpa` (RFC 8375), `.internal` (ICANN). What other names lead to is seen when they are
 * connected to: `@x/oauth-discovery/node`.
 */
export async function reachOf(hostname: string): Promise<Reach> {
  if (isLoopback(hostname)) return 'loopback'
  if (/^[\d.]+$|^\[/.test(hostname)) {
    return reachOfAddress(hostname.replace(/^\[|\]$/g, ''))
  }
  return /^[^.]+\.?$|\.(?:local|home\.arpa|internal)\.?$/.test(hostname) ? 'private' : 'public'
}
