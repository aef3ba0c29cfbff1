/**
 * What is asked of a challenge before it is followed, and of a text before it is told.
 *
 * @module
 */
import type { Guard } from '../guard.ts'

export const textGuards: readonly Guard[] = [
  {
    name: 'header-length',
    answers: 'a header is long enough to be work',
    file: 'challenge.ts',
    search: '  if (text.length > maxLength) return []\n',
    replace: '',
  },
  {
    name: 'challenge-count',
    answers: 'a header has challenges without end',
    file: 'challenge.ts',
    search: '.slice(0, maxChallenges)',
    replace: '',
  },
  {
    name: 'parameter-count',
    answers: 'a challenge has parameters without end',
    file: 'challenge.ts',
    search: ' && Object.keys(parameters).length < maxParameters',
    replace: '',
  },
  {
    name: 'repeated-parameters',
    answers: 'two readers of one challenge follow two values',
    file: 'challenge.ts',
    search: ' && !(name in parameters)',
    replace: '',
  },
  {
    name: 'quotes',
    answers: 'a text in quotes passes for a challenge',
    file: 'challenge.ts',
    search: '/"(?:[^"\\\\]|\\\\.)*"/sy',
    replace: '/"[^"]*"/sy',
  },
  {
    name: 'commas',
    answers: 'two readers of one header see different challenges',
    file: 'challenge.ts',
    search: '(separated || last === undefined) && ',
    replace: '',
  },
  {
    name: 'challenge-status',
    answers: 'a challenge is followed that came with no refusal',
    file: 'discover.ts',
    search: 'status === 401 || status === 403 ? selectChallenge(challenges) : undefined',
    replace: 'selectChallenge(challenges)',
  },
  {
    name: 'error-characters',
    answers: 'the text of an error steers a terminal',
    file: 'challenge.ts',
    search: "name.startsWith('error') ? value.replace(/[^ !#-[\\]-~]/g, '') : value",
    replace: 'value',
  },
  {
    name: 'printable',
    answers: 'a text in a message steers a terminal, or turns the line round',
    file: 'foreign.ts',
    search: "text.replace(/[^\\x20-\\x7e]/g, '\\u{fffd}')",
    replace: 'text',
  },
  {
    name: 'short-texts',
    answers: 'a text fills a log',
    file: 'foreign.ts',
    search: 'printable.length > 200',
    replace: 'printable.length > 1e9',
  },
  {
    name: 'short-urls',
    answers: 'a URL fills a log',
    file: 'foreign.ts',
    search: '.slice(0, 300)',
    replace: '',
  },
  {
    name: 'queries',
    answers: 'a secret in a query gets into a log',
    file: 'foreign.ts',
    search: "(search && '?…')",
    replace: 'search',
  },
  {
    name: 'passwords',
    answers: 'a password in a URL gets into a log',
    file: 'well-known.ts',
    search: 'quoteForeign(withoutSecrets(text))',
    replace: 'quoteForeign(text)',
  },
  {
    name: 'foreign-causes',
    answers: 'an error of the HTTP client brings what the server wrote into a log',
    file: 'http.ts',
    search: "return refuse('unreachable', url, what, cause)",
    replace: "return refuse('unreachable', url, what, error)",
  },
]
