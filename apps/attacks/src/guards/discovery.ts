import { guardsOf } from './guard.ts'

const never = 'if (false) {'

/** What discovery keeps out, for all that is built on it. */
export const discoveryGuards = guardsOf('oauth-discovery', [
  // Who says what of whom.
  [
    'issuer-in-metadata',
    'a server describes another one',
    'server-metadata.ts',
    'isIssuer(walk, named, issuer)',
    'true',
  ],
  [
    'resource-in-metadata',
    'a document about another resource is believed',
    'resource-metadata.ts',
    'isSpellingOf(named, resource) || (allowAncestor && isAncestor(named, resource, url))',
    'true',
  ],
  [
    'expected-issuer',
    'the resource decides who gets the credentials, whatever the caller said',
    'discover.ts',
    'expectedIssuer === undefined || isIssuer(walk, each, expectedIssuer)',
    'true',
  ],
  [
    'impostor-ends-the-search',
    'after a document of an impostor the next server is asked',
    'discover.ts',
    '/^(?:issuer_mismatch|timeout)$/.test(error.code)',
    '/^timeout$/.test(error.code)',
  ],
  [
    'outage-is-no-absence',
    'whoever knocks a resource over has it taken for one that publishes nothing',
    'discover.ts',
    'legacy === undefined || status !== 401 || isTold || !isAbsent',
    'legacy === undefined || status !== 401',
  ],
  [
    'many-servers',
    'a resource has us ask as many servers as it likes',
    'discover.ts',
    'wanted.slice(0, maxServers)',
    'wanted',
  ],
  // Where requests go.
  ['https', 'a server names a URL in clear text', 'guards.ts', '      requireHttps(url, refuse)\n', ''],
  [
    'host',
    'a server leads to this machine or a private network',
    'guards.ts',
    '      await vetHost(url, caller, refuse)\n',
    '',
  ],
  [
    'url-credentials',
    'a URL with a password in it is asked',
    'guards.ts',
    '    refuseCredentials(url, refuse)\n',
    '',
  ],
  [
    'policy-before-cache',
    'what is kept is given to who may not ask for it',
    'http.ts',
    '    vet, // what is kept is no way round the policy either\n',
    '',
  ],
  [
    'redirect-of-post',
    'a secret that was posted is posted again, where the answer says',
    'guards.ts',
    '!isGet || ',
    '',
  ],
  [
    'redirect-elsewhere',
    'a document is read from another origin than its own',
    'guards.ts',
    'target?.origin !== new URL(url).origin',
    'target === undefined',
  ],
  [
    'redirect-by-hand',
    'the platform follows where a server leads, past all guards',
    'ky.ts',
    "redirect: 'manual'",
    "redirect: 'follow'",
  ],
  ['redirect-count', 'a server leads in a circle without end', 'guards.ts', 'hops === maxRedirects || ', ''],
  [
    'cookies',
    'what a browser knows of the user goes along',
    'ky.ts',
    "    credentials: 'omit', // no cookie of a browser belongs here\n",
    '',
  ],
  // How long and how much.
  [
    'deadline',
    'a server that is slow is waited for',
    'http.ts',
    '  clock.sleep(timeoutMs, over.signal).then(end, () => {})\n',
    '',
  ],
  [
    'body-limit',
    'an answer without end, or one that was inflated, fills the memory',
    'guards.ts',
    'if (length > maxBytes) {',
    never,
  ],
  // What is read.
  [
    'prototype-members',
    'a member called `__proto__` is passed on',
    'json.ts',
    "return name === '__proto__' ? undefined : value",
    'return value',
  ],
  [
    'media-type',
    'a page of anybody is read as metadata',
    'json.ts',
    '  if (!/^application\\/(?:[\\w.+-]+\\+)?json$/.test(mediaType)) return undefined\n',
    '',
  ],
  [
    'repeated-challenge-parameter',
    'of two values in a challenge one is taken',
    'challenge.ts',
    '      else ambiguous.add(last)\n',
    '',
  ],
  // What is told.
  [
    'unseen-in-issuer',
    'what is not seen in an issuer acts on whoever reads a log',
    'well-known.ts',
    '!/[\\p{C}\\p{Z}\\\\]/u.test(text) && ',
    '',
  ],
  [
    'quoted-text',
    'escapes of a server act on a terminal',
    'foreign.ts',
    "text.replace(/[^\\x20-\\x7e]/g, '\\u{fffd}')",
    'text',
  ],
  ['quoted-length', 'a server fills the log', 'foreign.ts', 'printable.length > 200 ? ', 'false ? '],
  [
    'url-without-query',
    'what is private in a URL stands in errors and events',
    'foreign.ts',
    "(search && '?…')",
    'search',
  ],
  [
    'cause-is-a-name',
    'what the platform failed with is shown as it is',
    'http.ts',
    "return refuse('unreachable', url, what, cause)",
    "return refuse('unreachable', url, what, error)",
  ],
  [
    'challenge-not-told',
    'an event shows the token that a resource has repeated',
    'discover.ts',
    "if (!demanded) walk.emit({ type: 'challenge'",
    "walk.emit({ type: 'challenge'",
  ],
])
