/**
 * What an IP address is for, by the registries of IANA.
 *
 * @module
 */
import ipaddr from 'ipaddr.js'
import type { Reach } from './hosts.ts'

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
const translated = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

const reaches: Readonly<Record<string, Reach>> = {
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  loopback: 'loopback',
  unspecified: 'loopback',
}

/** @param address as a URL or a resolver writes it, without brackets */
export function reachOfAddress(address: string): Reach {
  if (/^::\d+\./.test(address)) return 'special' // once IPv4 in IPv6 (RFC 4291 §2.5.5.1); the library takes it for mapped
  const parsed = ipaddr.process(address) // IPv4 that is mapped to IPv6 is IPv4
  if (parsed instanceof ipaddr.IPv6 && parsed.match(translated)) {
    // Of an IPv4 address that a network without IPv4 has translated (RFC 6052), what counts is that address.
    return reachOfAddress(new ipaddr.IPv4(parsed.toByteArray().slice(12)).toString())
  }
  const range: string = parsed.range()
  if (range !== 'unicast') return reaches[range] ?? 'special'
  // The library calls so what is in no range; of IPv6 only this one is given out (RFC 4291 §2.4).
  return parsed instanceof ipaddr.IPv6 && !parsed.match(globalUnicast) ? 'special' : 'public'
}
