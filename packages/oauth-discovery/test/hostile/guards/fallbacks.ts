/**
 * What must not lead into a weaker mode, and what is kept.
 *
 * @module
 */
import type { Guard } from '../guard.ts'

export const fallbackGuards: readonly Guard[] = [
  {
    name: 'outage-first',
    answers: 'a server that was knocked over passes for one that publishes nothing',
    file: 'walk.ts',
    search: `    busy ? 'unavailable' : \`\${name}`,
    replace: `    \`\${name}`,
  },
  {
    name: 'too-many',
    answers: 'a server that is asked too often passes for one that publishes nothing',
    file: 'walk.ts',
    search: 'status !== 429 && ',
    replace: '',
  },
  {
    name: 'no-wider',
    answers: 'an outage makes a client take a document for all of the host',
    file: 'resource-metadata.ts',
    search: "    if (walk.attempts.at(-1)?.code === 'unavailable') break\n",
    replace: '',
  },
  {
    name: 'legacy-absence',
    answers: 'metadata that cannot be read passes for a server of old',
    file: 'discover.ts',
    search: 'attempts.every((each) => each.status === 404)',
    replace: 'attempts.length > 0',
  },
  {
    name: 'legacy-status',
    answers: 'an answer that is no refusal passes for a server of old',
    file: 'discover.ts',
    search: 'status !== 401 || ',
    replace: '',
  },
  {
    name: 'legacy-told',
    answers: 'a resource that says where its metadata is passes for a server of old',
    file: 'discover.ts',
    search: 'isTold || ',
    replace: '',
  },
  {
    name: 'legacy-endpoints',
    answers: 'endpoints are guessed of a server that only cannot be read',
    file: 'legacy.ts',
    search:
      '  if (walk.attempts.at(-1)?.status !== 404) throw nothingFound(walk, origin, since, serverDocument)\n',
    replace: '',
  },
  {
    name: 'legacy-issuer',
    answers: 'a server of old gives out metadata in the name of another',
    file: 'legacy.ts',
    search: '].includes(issuer)',
    replace: ', issuer].includes(issuer)',
  },
  {
    name: 'silence-ends',
    answers: 'silence passes for absence',
    file: 'walk.ts',
    search: " || error.code === 'timeout'",
    replace: '',
  },
  {
    name: 'cookies',
    answers: 'a server marks a client, or rides on its login',
    file: 'ky.ts',
    search: "    credentials: 'omit',",
    replace: '   ',
  },
  {
    name: 'dropped-documents',
    answers: 'a wrong document stays',
    file: 'walk.ts',
    search: '  walk.options.cache?.drop(url)\n',
    replace: '',
  },
  {
    name: 'no-store',
    answers: 'a document is kept that was not to be kept',
    file: 'cache.ts',
    search: 'isSaid ? saidMs : defaultAgeMs',
    replace: 'defaultAgeMs',
  },
  {
    name: 'cache-age',
    answers: 'a document stays for years',
    file: 'cache.ts',
    search: 'Math.min(isSaid ? saidMs : defaultAgeMs, isDocument ? maxAgeMs : negativeAgeMs)',
    replace: 'isSaid ? saidMs : isDocument ? defaultAgeMs : negativeAgeMs',
  },
  {
    name: 'kept-outages',
    answers: 'an outage stays',
    file: 'cache.ts',
    search: '  if (status === 429 || status >= 500) return 0\n',
    replace: '',
  },
  {
    name: 'policy-first',
    answers: 'a server leads to what somebody else was allowed to read',
    file: 'http.ts',
    search: '    vet, // what is kept is no way round the policy either\n',
    replace: '',
  },
]
