import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { AuthorizationError } from '../src/index.ts'
import { begin, callbackOf, end, loginServer } from './sign-in.ts'

const { issuer } = loginServer
const invalid = { name: 'AuthorizationError', code: 'invalid_callback', recovery: 'terminal' }

/** Begins at a server that promises, or does not, to name itself; and comes back with this answer. */
async function come(answer: Record<string, string>, promised?: unknown) {
  const serverMetadata = { ...loginServer, authorization_response_iss_parameter_supported: promised }
  const begun = await begin({ serverMetadata })
  return end(begun, callbackOf(begun.url, answer))
}

/** Everything that a program, a logger or a bug report may make of a value. */
function shown(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)
}

/** What an attacker would like a person to read, under the name of an honest server. */
const attack = {
  error: 'EVIL_ERROR',
  error_description: 'EVIL_TEXT: call 555-0100',
  error_uri: 'https://evil.example/EVIL_URI',
}

const answers: readonly [string, Record<string, string>][] = [
  ['a code', { code: 'c1' }],
  ['an error', attack],
]

describe.each(answers)('the issuer of an answer with %s', (_, answer) => {
  /** Used: the code was sent, or the error believed. */
  const used = 'code' in answer ? { tokenRequests: 1 } : { tokenRequests: 0, code: 'authorization_refused' }
  const refused = { tokenRequests: 0, code: 'issuer_mismatch' }

  it.each([
    ['promised, and there', true, { iss: issuer }, used],
    ['promised, and not there', true, {}, refused],
    ['promised, and another', true, { iss: 'https://evil.example' }, refused],
    ['promised, and empty', true, { iss: '' }, refused],
    ['not promised, and there', undefined, { iss: issuer }, used],
    ['not promised, and another', undefined, { iss: 'https://evil.example' }, refused],
    ['not promised, and empty', undefined, { iss: '' }, refused],
    ['not promised, and not there', undefined, {}, used],
    ['said not to come, and another', false, { iss: 'https://evil.example' }, refused],
    ['said not to come, and not there', false, {}, used],
    ['promised by a text, and not there', 'true', {}, refused],
    ['neither promised nor denied, and not there', null, {}, used],
  ])('is %s (AC-07, AC-08, AC-10, RFC 9207 §2.4)', async (_claim, promised, iss, expected) => {
    const { arrivals, error } = await come({ ...answer, ...iss }, promised)

    expect({ tokenRequests: arrivals.length, ...codeOf(error) }).toEqual(expected)
  })

  it.each([
    ['a slash', `${issuer}/`],
    ['upper case', 'https://AS.example'],
    ['upper case of the scheme', 'HTTPS://as.example'],
    ['its port', `${issuer}:443`],
    ['an escaped letter', 'https://as.ex%61mple'],
    ['a trailing dot', `${issuer}.`],
    ['a space', `${issuer} `],
    ['a path', `${issuer}/tenant`],
    ['an empty query', `${issuer}?`],
    ['a letter that looks the same', 'https://аs.example'],
    ['one more escaping', encodeURIComponent(issuer)],
  ])('is compared letter by letter: %s (AC-09, RFC 9207 §2.4)', async (_claim, iss) => {
    const { arrivals, error } = await come({ ...answer, iss }, true)

    expect(error).toMatchObject({ code: 'issuer_mismatch', recovery: 'terminal', issuer })
    expect(arrivals).toEqual([])
  })
})

function codeOf(error: unknown): object {
  // Whatever is thrown here has a code, and nothing thrown has none.
  return error === undefined ? {} : { code: (error as AuthorizationError).code }
}

describe('an issuer with characters that a form escapes', () => {
  const odd = 'https://as.example/tenant%20one/a+b'
  const serverMetadata = {
    ...loginServer,
    issuer: odd,
    authorization_response_iss_parameter_supported: true,
  }

  it('is decoded once, and then compared (AC-09)', async () => {
    const begun = await begin({ serverMetadata })

    const { arrivals } = await end(begun, callbackOf(begun.url, { code: 'c1', iss: odd }))

    expect(arrivals).toHaveLength(1)
  })

  it('is not decoded twice (AC-09)', async () => {
    const begun = await begin({ serverMetadata })
    const iss = 'https://as.example/tenant one/a b'

    const { arrivals, error } = await end(begun, callbackOf(begun.url, { code: 'c1', iss }))

    expect(error).toMatchObject({ code: 'issuer_mismatch' })
    expect(arrivals).toEqual([])
  })
})

describe('the state of an answer', () => {
  const mismatch = { name: 'AuthorizationError', code: 'state_mismatch', recovery: 'terminal', issuer }

  it.each([
    ['is missing', () => ''],
    ['is empty', () => '&state='],
    ['is that of another sign-in', (_state: string, other: string) => `&state=${other}`],
    [
      'differs in its first letter',
      (state: string) => `&state=${state[0] === 'A' ? 'B' : 'A'}${state.slice(1)}`,
    ],
    [
      'differs in its last letter',
      (state: string) => `&state=${state.slice(0, -1)}${state.at(-1) === 'A' ? 'B' : 'A'}`,
    ],
    ['is a beginning of it', (state: string) => `&state=${state.slice(0, 42)}`],
    ['has something at its end', (state: string) => `&state=${state}A`],
    ['is in another case', (state: string) => `&state=${state.toLowerCase()}`],
    ['is under a name in another case', (state: string) => `&State=${state}`],
  ])('%s: the code goes nowhere (AC-06, AC-10, RFC 6749 §10.12)', async (_, tamper) => {
    const [begun, other] = [await begin(), await begin()]
    const stateOf = (url: URL) => url.searchParams.get('state') ?? ''
    const callback = `https://app.example/callback?code=c1${tamper(stateOf(begun.url), stateOf(other.url))}`

    const { arrivals, error } = await end(begun, callback)

    expect(error).toMatchObject(mismatch)
    expect(arrivals).toEqual([])
  })

  it('is 256 bits that nobody can guess (AC-06)', async () => {
    const { url } = await begin()

    expect(url.searchParams.getAll('state')).toEqual([expect.stringMatching(/^[\w-]{43}$/)])
  })

  it('is looked at before the issuer is, and both before an error is believed (AC-10)', async () => {
    const both = await come({ ...attack, state: 'x', iss: 'https://evil.example' }, true)
    const one = await come({ ...attack, iss: 'https://evil.example' }, true)

    expect([both.error, one.error]).toMatchObject([{ code: 'state_mismatch' }, { code: 'issuer_mismatch' }])
  })
})

describe('the text of an attacker', () => {
  it.each([
    ['with another issuer', { iss: 'https://evil.example/EVIL_ISS' }],
    ['with another state', { state: 'EVIL_STATE' }],
    ['with another issuer, beside a code', { iss: 'https://evil.example/EVIL_ISS', code: 'EVIL_CODE' }],
    ['beside a code', { iss: issuer, code: 'EVIL_CODE' }],
  ])('is in no message, member or cause of the error: %s (AC-11)', async (_, more) => {
    const { arrivals, error } = await come({ ...attack, ...more }, true)

    expect(error).toMatchObject({ name: 'AuthorizationError', error: undefined, errorDescription: undefined })
    expect(shown(error)).not.toMatch(/evil|555-/i)
    expect(arrivals).toEqual([])
  })

  it('is not in the error where it came to another place (AC-11, AC-13)', async () => {
    const begun = await begin()

    const { error } = await end(begun, 'https://evil.example/EVIL_PATH?error=EVIL_ERROR')

    expect(shown(error)).not.toMatch(/evil/i)
  })
})

describe('what is in an answer', () => {
  it.each([
    ['the code, twice', '&code=c2'],
    ['the code, twice alike', '&code=c1'],
    ['the state, twice', '&state=x'],
    ['the issuer, twice', '&iss=https%3A%2F%2Fas.example&iss=https%3A%2F%2Fevil.example'],
    ['an error, twice', '&error=a&error=b'],
    ['a description, twice', '&error_description=a&error_description=b'],
    ['a code and an error', '&error=access_denied'],
    ['a code and an error of no text', '&error='],
  ])('is refused where it is %s (AC-23, RFC 6749 §3.1)', async (_, more) => {
    const begun = await begin()

    const { arrivals, error } = await end(begun, callbackOf(begun.url) + more)

    expect(error).toMatchObject(invalid)
    expect(arrivals).toEqual([])
  })

  it.each([
    ['neither a code nor an error', {}],
    ['a code of no text', { code: '' }],
    ['an error of no text', { error: '' }],
    ['a token, as the implicit grant would (AC-25)', { access_token: 'EVIL_TOKEN' }],
  ])('is refused where it is %s (AC-23)', async (_, answer) => {
    const { arrivals, error } = await come(answer)

    expect(error).toMatchObject(invalid)
    expect(shown(error)).not.toContain('EVIL')
    expect(arrivals).toEqual([])
  })

  it('may be more than we know, and repeated there (AC-23, RFC 6749 §4.1.2)', async () => {
    const begun = await begin()

    const { forms } = await end(begun, `${callbackOf(begun.url)}&session_state=a&session_state=b&x=%00`)

    expect(forms).toEqual([expect.objectContaining({ code: 'c1' })])
  })

  it('is taken for the code as it is, whatever characters it has', async () => {
    const code = 'c/+ =&%41\u{e9}'

    const { forms } = await come({ code })

    expect(forms).toEqual([expect.objectContaining({ code })])
  })

  it.each(['', 'callback?code=c1', '?code=c1', 'https://', 'c1'])(
    'has to be a whole URL, and not %j',
    async (text) => {
      const { arrivals, error } = await end(await begin(), text)

      expect(error).toMatchObject(invalid)
      expect(arrivals).toEqual([])
    },
  )

  it('may be a URL object as well', async () => {
    const begun = await begin()

    const { token } = await end(begun, new URL(callbackOf(begun.url)))

    expect(token).toMatchObject({ accessToken: 't1', issuer })
  })
})

describe('where an answer came', () => {
  const mismatch = { name: 'AuthorizationError', code: 'redirect_uri_mismatch', recovery: 'terminal' }

  it.each([
    ['another path', 'https://app.example/callback', 'https://app.example/callback2'],
    ['a slash more', 'https://app.example/callback', 'https://app.example/callback/'],
    ['another case of the path', 'https://app.example/callback', 'https://app.example/Callback'],
    ['another host', 'https://app.example/callback', 'https://app.example.evil.example/callback'],
    ['another port', 'http://127.0.0.1:8000/callback', 'http://127.0.0.1:8001/callback'],
    ['another name of this machine', 'http://127.0.0.1:8000/callback', 'http://localhost:8000/callback'],
    ['in clear text', 'https://app.example/callback', 'http://app.example/callback'],
    ['under a user name', 'https://app.example/callback', 'https://evil@app.example/callback'],
    ['another scheme', 'com.example.app:/callback', 'com.example.app2:/callback'],
    ['another path of a custom scheme', 'com.example.app:/callback', 'com.example.app:/other'],
    ['another host of a custom scheme', 'com.example.app://callback', 'com.example.app://other'],
    ['a host where there was none', 'com.example.app:/callback', 'com.example.app://callback'],
    ['without its own query', 'https://app.example/cb?as=1', 'https://app.example/cb'],
    ['with another query of its own', 'https://app.example/cb?as=1', 'https://app.example/cb?as=2'],
    ['with more of its own query', 'https://app.example/cb?as=1', 'https://app.example/cb?as=2&as=1'],
    ['with less of its own query', 'https://app.example/cb?as=1&as=2', 'https://app.example/cb?as=1'],
  ])('is not where it was to come: %s (AC-13, RFC 8252 §8.10)', async (_, redirectUri, place) => {
    const begun = await begin({ redirectUri })
    const answer = new URL(place)
    answer.searchParams.append('state', begun.url.searchParams.get('state') ?? '')
    answer.searchParams.append('code', 'c1')

    const { arrivals, error } = await end(begun, answer.href)

    expect(error).toMatchObject(mismatch)
    expect(arrivals).toEqual([])
  })

  it.each([
    ['https', 'https://app.example/callback'],
    ['a port of this machine', 'http://127.0.0.1:8000/callback'],
    ['this machine by IPv6', 'http://[::1]:8000/callback'],
    ['a custom scheme', 'com.example.app:/callback'],
    ['a custom scheme with a host', 'com.example.app://callback'],
    ['a query of its own', 'https://app.example/cb?as=1&note=a%20b'],
    ['a default port', 'https://app.example:443/callback'],
    ['another spelling of the host', 'https://APP.example/callback'],
  ])('is where it was to come: %s (AC-13, AC-24, RFC 6749 §4.1.3)', async (_, redirectUri) => {
    const begun = await begin({ redirectUri })

    const { forms } = await end(begun)

    expect(forms).toEqual([expect.objectContaining({ redirect_uri: redirectUri })])
  })

  it('may have a fragment, which some servers add to each answer', async () => {
    const begun = await begin()

    const { token } = await end(begun, `${callbackOf(begun.url)}#_=_`)

    expect(token).toBeDefined()
  })
})

describe('a refusal by the server itself', () => {
  it.each([
    ['access_denied', 'access_denied', 'interaction'],
    ['login_required', 'authorization_refused', 'interaction'],
    ['consent_required', 'authorization_refused', 'interaction'],
    ['interaction_required', 'authorization_refused', 'interaction'],
    ['account_selection_required', 'authorization_refused', 'interaction'],
    ['temporarily_unavailable', 'authorization_refused', 'transient'],
    ['server_error', 'authorization_refused', 'transient'],
    ['invalid_scope', 'authorization_refused', 'terminal'],
    ['unauthorized_client', 'authorization_refused', 'terminal'],
    ['a word of its own', 'authorization_refused', 'terminal'],
  ])('is told by its word: %s (RFC 6749 §4.1.2.1)', async (word, code, recovery) => {
    const { arrivals, error } = await come({ error: word, error_description: 'Because.' })

    expect(error).toMatchObject({ code, recovery, issuer, error: word, errorDescription: 'Because.' })
    expect(arrivals).toEqual([])
  })

  it('is told short, and without what a terminal would act on (CH-12, RFC 6749 §4.1.2.1)', async () => {
    const noise = `\u{1b}[31m\u{202e}${'x'.repeat(500)}\r\n`

    const { error } = await come({ error: `odd${noise}`, error_description: noise })

    expect(error).toMatchObject({
      error: `odd[31m${'x'.repeat(193)}`,
      errorDescription: `[31m${'x'.repeat(196)}`,
    })
    expect(String(error)).toMatch(/^[\x20-\x7e§…\u{fffd}]{1,600}$/u)
  })

  it('does not send anybody to the page that it names (AC-11)', async () => {
    const { error } = await come({ error: 'invalid_scope', error_uri: 'https://evil.example/' })

    expect(shown(error)).not.toContain('evil')
  })
})
