/**
 * What is asked of an address before it is connected to.
 *
 * @module
 */
import type { Guard } from '../guard.ts'

export const connectionGuards: readonly Guard[] = [
  {
    name: 'resolved-addresses',
    answers: 'a name outside leads inside, at once or from the second time on',
    file: 'node/egress-fetch.ts',
    search: 'if (refused !== undefined) callback(refusal(hostname, refused.address), [])\n      else if',
    replace: 'if',
  },
  {
    name: 'addresses-in-urls',
    answers: 'an address is connected to that no name was looked up for',
    file: 'node/egress-fetch.ts',
    search: '    if (isIP(host) !== 0 && !isAllowed(host)) throw refusal(host, host)\n',
    replace: '',
  },
  {
    name: 'certificates',
    answers: 'a server shows a certificate that nobody trusts',
    file: 'node/egress-fetch.ts',
    search: 'new Agent({ connect: { ...trust, lookup } })',
    replace: 'new Agent({ connect: { ...trust, lookup, rejectUnauthorized: false } })',
  },
]
