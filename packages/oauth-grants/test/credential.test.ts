import { describe, expect, it, vi } from 'vitest'
import {
  ClientCredentialsAuth,
  type Credential,
  createToken,
  type GetTokenOptions,
  type TokenExchangeOptions,
  type TokenSource,
} from '../src/index.ts'
import { exchangeBench, tokenType } from './exchange-server.ts'
import { metadata, tokenServer } from './token-server.ts'

const hang = () => new Promise<never>(() => {})

/** A source of one token, and what it was asked. */
function source(accessToken: string, issuer = '') {
  const asked: (GetTokenOptions | undefined)[] = []
  const getToken: TokenSource['getToken'] = async (options) => {
    asked.push(options)
    return createToken({ accessToken, issuer })
  }
  return { getToken, asked }
}

const parties = ['subjectToken', 'actorToken'] as const

describe.each(parties)('a %s', (party) => {
  const parameter = party === 'subjectToken' ? 'subject_token' : 'actor_token'

  it.each<[what: string, credential: Credential]>([
    ['a text', 'hunter2'],
    ['a function', () => 'hunter2'],
    ['a function that takes its time', async () => 'hunter2'],
    ['another source of tokens', source('hunter2')],
    [
      'another auth object',
      new ClientCredentialsAuth({
        serverMetadata: metadata,
        clientId: 'other',
        clientSecret: 'x',
        fetch: tokenServer({ access_token: 'hunter2', token_type: 'Bearer' }).fetch,
      }),
    ],
  ])('can be %s (TX-01, TX-02, TX-12)', async (_, credential) => {
    const { auth, forms } = exchangeBench({ [party]: credential })

    await auth.getToken()

    expect(forms()[0]?.get(parameter)).toBe('hunter2')
  })

  it('that is a function is asked for every token, in hand or not (TX-12)', async () => {
    const credential = vi.fn(() => 'hunter2')
    const { auth, arrivals } = exchangeBench({ [party]: credential })

    for (let times = 0; times < 3; times += 1) await auth.getToken()

    expect(credential).toHaveBeenCalledTimes(3)
    expect(arrivals).toHaveLength(1)
  })

  it.each<
    [how: string, interactive: boolean | undefined, ask: (bench: ReturnType<typeof exchangeBench>) => unknown]
  >([
    ['getToken', undefined, ({ auth }) => auth.getToken()],
    ['getToken, for nobody is there', false, ({ auth }) => auth.getToken({ interactive: false })],
    ['fetch, which never waits for a person', false, ({ auth }) => auth.fetch('https://rs.example/')],
  ])('that is another source is told whether a person may be asked: by %s', async (_, interactive, ask) => {
    const credential = source('hunter2')
    const bench = exchangeBench({ [party]: credential, resource: 'https://rs.example/' })

    await ask(bench)

    expect(credential.asked).toMatchObject([{ interactive, signal: expect.any(AbortSignal) }])
  })

  it('that is another source is not told of what was refused: that was another token', async () => {
    const credential = source('hunter2')
    const { auth } = exchangeBench({ [party]: credential })
    const rejected = await auth.getToken()
    const challenge = { scheme: 'bearer', parameters: { error: 'insufficient_scope', scope: 'b' } }

    await auth.getToken({ rejected, challenge })

    expect(credential.asked.map((each) => Object.keys(each ?? {}).toSorted())).toEqual(
      Array.from({ length: 2 }, () => ['interactive', 'signal']),
    )
  })

  // What a program without types may give.
  const untyped = (value: unknown) => value as string

  it.each<[what: string, credential: Credential]>([
    ['an empty text', () => ''],
    ['nothing', () => untyped(undefined)],
    ['null, later', async () => untyped(null)],
    ['a number', () => untyped(12345)],
    [
      'a token of another source without a text',
      {
        getToken: async () => ({
          ...createToken({ accessToken: 'x' }),
          accessToken: '',
          refreshToken: undefined,
          idToken: undefined,
          extra: {},
        }),
      },
    ],
  ])('that turns out to be %s is refused, and nothing is sent (TX-01, TX-02)', async (_, credential) => {
    const { auth, arrivals } = exchangeBench({ [party]: credential })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'invalid_token',
      recovery: 'terminal',
      message: expect.stringContaining(`The option ${party} is empty`),
    })
    expect(arrivals).toEqual([])
  })

  it.each([
    [
      'throws',
      (error: Error) => {
        throw error
      },
    ],
    ['rejects', (error: Error) => Promise.reject(error)],
  ])('that %s fails that call by its own error, and is asked again by the next', async (_, fail) => {
    const broken = new Error('no session')
    const answers = [() => fail(broken), () => 'hunter2']
    const { auth, forms } = exchangeBench({ [party]: () => answers.shift()?.() ?? '' })

    await expect(auth.getToken()).rejects.toBe(broken)
    expect(forms()).toEqual([])

    await auth.getToken()
    expect(forms()[0]?.get(parameter)).toBe('hunter2')
  })

  it('that hangs keeps nobody who has given up, and nothing is sent', async () => {
    const caller = new AbortController()
    const { auth, arrivals } = exchangeBench({ [party]: hang })

    const call = auth.getToken({ signal: caller.signal })
    caller.abort(new Error('never mind'))

    await expect(call).rejects.toThrow('never mind')
    expect(arrivals).toEqual([])
  })

  it('that fails when its caller has given up fails nothing else', async () => {
    const caller = new AbortController()
    let fail: (error: Error) => void = () => {}
    const { auth } = exchangeBench({ [party]: () => new Promise<string>((_, reject) => (fail = reject)) })
    const call = auth.getToken({ signal: caller.signal })
    caller.abort(new Error('never mind'))
    await expect(call).rejects.toThrow('never mind')

    fail(new Error('too late'))

    // A rejection that nobody handles would fail the run.
    await new Promise<void>((resolve) => setImmediate(resolve))
  })

  it('is not asked for by a call that was given up before', async () => {
    const credential = vi.fn(() => 'hunter2')
    const { auth } = exchangeBench({ [party]: credential })

    const call = auth.getToken({ signal: AbortSignal.abort(new Error('never mind')) })

    await expect(call).rejects.toThrow('never mind')
    expect(credential).not.toHaveBeenCalled()
  })
})

describe('a token of another server', () => {
  const foreign = source('hunter2', 'https://other.example')

  it.each<[what: string, options: Partial<TokenExchangeOptions>]>([
    ['subject, as an access token', { subjectToken: foreign }],
    ['subject, as a refresh token', { subjectToken: foreign, subjectTokenType: tokenType('refresh_token') }],
    ['actor, as an access token', { actorToken: foreign }],
    ['actor, as a refresh token', { actorToken: foreign, actorTokenType: tokenType('refresh_token') }],
    [
      'actor, as the subject that is one',
      { actorToken: foreign, subjectTokenType: tokenType('access_token') },
    ],
  ])('is not given away: %s (TX-06, TX-13, NS-10, RFC 8693 §3)', async (_, options) => {
    const { auth, arrivals, events } = exchangeBench(options)

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'invalid_token',
      message: expect.stringMatching(/https:\/\/other\.example .*https:\/\/as\.example/),
    })
    expect(arrivals).toEqual([])
    expect(JSON.stringify(events)).not.toContain('hunter2')
  })

  it.each<[what: string, options: Partial<TokenExchangeOptions>]>([
    ['a JWT', { subjectToken: foreign, subjectTokenType: tokenType('jwt') }],
    ['an ID token', { subjectToken: foreign, subjectTokenType: tokenType('id_token') }],
    ['an actor that is a JWT', { actorToken: foreign, actorTokenType: tokenType('jwt') }],
  ])('is sent where the caller says that it is %s (TX-06, TX-13, RFC 8693 §3)', async (_, options) => {
    const { auth, arrivals } = exchangeBench(options)

    await auth.getToken()

    expect(arrivals[0]?.body).toContain('hunter2')
  })

  it.each([
    ['this very server', metadata.issuer],
    ['nobody knows whom', ''],
  ])('is what a token of %s is not: that is sent (TX-06, TX-13)', async (_, issuer) => {
    const { auth, arrivals } = exchangeBench({ subjectToken: source('hunter2', issuer) })

    await auth.getToken()

    expect(arrivals).toHaveLength(1)
  })

  it.each(['https://as.example/', 'https://AS.example', 'https://as.example:443'])(
    'is what one of %s is: issuers are compared letter by letter (TX-13, AS-17)',
    async (issuer) => {
      const { auth, arrivals } = exchangeBench({ subjectToken: source('hunter2', issuer) })

      await expect(auth.getToken()).rejects.toMatchObject({ code: 'invalid_token' })
      expect(arrivals).toEqual([])
    },
  )
})
