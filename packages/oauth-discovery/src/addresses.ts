/**
 * What an IP address is for. This file has a twin for browsers: `#addresses` in package.json names both.
 *
 * @module
 */
import type { Reach } from './hosts.ts'

/** Judged by a library, loaded with the first address. */
export async function reachOfAddress(address: string): Promise<Reach> {
  const ranges = await import('./address-ranges.ts')
  return ranges.reachOfAddress(address)
}
