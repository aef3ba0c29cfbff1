/**
 * What needs Node, and undici.
 *
 * @module
 */
export { type EgressFetch, type EgressOptions, egressFetch } from './node/egress-fetch.ts'
