/**
 * What an IP address is for, in a browser: without the room that a library of ranges takes. A page reaches no more through
 * us than any other page does, and few servers are named by an address. None of them is taken for public.
 *
 * @module
 */
import type { Reach } from './hosts.ts'

export function reachOfAddress(): Promise<Reach> {
  return Promise.resolve('private')
}
