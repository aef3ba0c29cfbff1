import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { type Authorize, type GrantEvent, memoryStore } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { bench, callbackOf, gone, loginServer, redirectUri, refusal } from './sign-in.ts'

const token = { access_token: 't1', token_type: 'Bearer', expires_in: 60 }

describe('a sign-in', () => {
  it('sends a person to the server, and the code that comes back to its token endpoint', async () => {
    const { auth, authorize, arrivals, forms } = bench({ scope: 'a', resource: 'https://rs.example' })

    const { accessToken, scope } = await auth.getToken()

    expect([accessToken, scope]).toEqual(['t1', ['a']])
    expect(authorize).toHaveBeenCalledTimes(1)
    expect(arrivals).toMatchObject([{ url: 'https://as.example/token' }])
    expect(forms()).toMatchObject([{ grant_type: 'authorization_code', code: 'c1' }])
  })

  it('asks the authorization endpoint for nothing itself: that is for a browser (AC-18)', async () => {
    const { auth, arrivals } = bench()

    await auth.getToken()

    expect(arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
  })

  it('names one resource and one redirect URI in both of its requests (AC-14, AC-24)', async () => {
    const { auth, authorize, forms } = bench({ resource: 'https://RS.example:443/mcp?a=b%20c' })

    await auth.getToken()

    const asked = authorize.mock.calls[0]?.[0].searchParams
    expect(asked?.getAll('resource')).toEqual(['https://RS.example:443/mcp?a=b%20c'])
    expect(asked?.getAll('redirect_uri')).toEqual([redirectUri])
    expect(forms()).toMatchObject([
      { resource: 'https://RS.example:443/mcp?a=b%20c', redirect_uri: redirectUri },
    ])
  })

  it('is one for all who wait', async () => {
    const { auth, authorize, arrivals } = bench()

    const tokens = await Promise.all([auth.getToken(), auth.getToken(), auth.getToken()])

    expect(new Set(tokens).size).toBe(1)
    expect(authorize).toHaveBeenCalledTimes(1)
    expect(arrivals).toHaveLength(1)
  })

  it('takes an answer once: the same one brought to the next sign-in is refused (AC-06)', async () => {
    const callbacks: string[] = []
    const { auth, arrivals } = bench({
      authorize(url) {
        callbacks.push(callbackOf(url))
        return callbacks[0] ?? expect.fail('there is one')
      },
    })
    const first = await auth.getToken()

    const second = auth.getToken({ rejected: first })

    await expect(second).rejects.toMatchObject({ code: 'state_mismatch' })
    expect(callbacks).toHaveLength(2)
    expect(arrivals).toHaveLength(1)
  })

  it('is at the server that the object was made for, whatever becomes of the options (AC-07, AC-12)', async () => {
    const serverMetadata = { ...loginServer, authorization_response_iss_parameter_supported: true }
    const evil = {
      issuer: 'https://evil.example',
      authorization_endpoint: 'https://evil.example/authorize',
      token_endpoint: 'https://evil.example/token',
    }
    const { auth, authorize, arrivals } = bench({ serverMetadata })
    Object.assign(serverMetadata, evil)
    authorize.mockImplementation((url) => callbackOf(url, { code: 'c1', iss: 'https://as.example' }))

    await auth.getToken()

    expect(authorize.mock.calls[0]?.[0].origin).toBe('https://as.example')
    expect(arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
  })

  it.each<[string, Record<string, string>, string]>([
    ['of another tab', { state: 'x', code: 'c1' }, 'state_mismatch'],
    ['of another server', { iss: 'https://evil.example', code: 'c1' }, 'issuer_mismatch'],
    ['with a code and an error', { error: 'x', code: 'c1' }, 'invalid_callback'],
    ['of a person who said no', { error: 'access_denied' }, 'access_denied'],
  ])('sends no code where the answer is one %s (AC-06, AC-08, AC-10)', async (_, answer, code) => {
    const { auth, arrivals } = bench({ authorize: (url) => callbackOf(url, answer) })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthorizationError', code })
    expect(arrivals).toEqual([])
  })

  it('is not repeated by itself where the answer to the code is lost (AC-22)', async () => {
    const lost = () => Promise.reject(new TypeError('fetch failed'))
    const { auth, authorize, arrivals } = bench({}, lost)

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', code: 'unreachable' })

    expect(authorize).toHaveBeenCalledTimes(1)
    expect(arrivals).toHaveLength(1)
  })

  it('is told of as an interaction, without its address or its code (NS-09)', async () => {
    const events: GrantEvent[] = []
    const { auth } = bench({
      onEvent: (event) => events.push(event),
      authorize: (url) => callbackOf(url, { code: 'the-very-code' }),
    })

    await auth.getToken()

    expect(events.filter(({ type }) => type === 'interaction')).toMatchObject([
      { outcome: 'needed' },
      { outcome: 'done' },
    ])
    expect(JSON.stringify(events)).not.toMatch(/the-very-code|state=|code_challenge/)
  })
})

describe('a person who', () => {
  const expired = { name: 'AuthorizationError', code: 'login_expired', recovery: 'interaction' }
  /** Lets the sign-in begin: it is a few steps until somebody is asked. */
  const asked = (authorize: ReturnType<typeof vi.fn<Authorize>>) =>
    vi.waitFor(() => expect(authorize).toHaveBeenCalled())

  it.each([
    ['in ten minutes', undefined, 600_000],
    ['in the time that was set', 5_000, 5_000],
  ])('does not come back %s is waited for no longer', async (_, loginTimeoutMs, ms) => {
    const clock = handClock()
    const authorize = vi.fn<Authorize>(gone)
    const { auth, arrivals } = bench({ authorize, clock, loginTimeoutMs })
    let isOver = false
    const attempt = auth.getToken().finally(() => {
      isOver = true
    })
    attempt.catch(() => {})
    await asked(authorize)

    clock.pass(ms - 1)
    await setImmediate()
    const isOverTooEarly = isOver
    clock.pass(1)

    await expect(attempt).rejects.toMatchObject(expired)
    expect(isOverTooEarly).toBe(false)
    expect(authorize.mock.calls[0]?.[1].signal.aborted).toBe(true)
    expect(arrivals).toEqual([])
  })

  it('comes back too late is not listened to', async () => {
    const clock = handClock()
    const comesBack = Promise.withResolvers<string>()
    const authorize = vi.fn<Authorize>(() => comesBack.promise)
    const { auth, arrivals } = bench({ authorize, clock })
    const attempt = auth.getToken()
    attempt.catch(() => {})
    await asked(authorize)
    clock.pass(600_000)
    await expect(attempt).rejects.toMatchObject(expired)

    comesBack.resolve(callbackOf(authorize.mock.calls[0]?.[0] ?? expect.fail('nobody was asked')))
    await auth.close()

    expect(arrivals).toEqual([])
  })

  it('is nowhere to be found ends the sign-in with the error that the caller threw', async () => {
    const own = new Error('there is no browser here')
    const { auth, arrivals } = bench({
      authorize() {
        throw own
      },
    })

    await expect(auth.getToken()).rejects.toBe(own)
    expect(arrivals).toEqual([])
  })

  it('nobody waits for any longer is told so, by the signal', async () => {
    const authorize = vi.fn<Authorize>(gone)
    const { auth, arrivals } = bench({ authorize })
    const leaving = new AbortController()
    const attempt = auth.getToken({ signal: leaving.signal })
    attempt.catch(() => {})
    await asked(authorize)

    leaving.abort(new Error('never mind'))

    await expect(attempt).rejects.toThrow('never mind')
    await vi.waitFor(() => expect(authorize.mock.calls[0]?.[1].signal.aborted).toBe(true))
    expect(arrivals).toEqual([])
  })

  it('is told when the object is closed', async () => {
    const authorize = vi.fn<Authorize>(gone)
    const { auth } = bench({ authorize })
    const attempt = auth.getToken()
    attempt.catch(() => {})
    await asked(authorize)

    await auth.close()

    await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code: 'closed' })
    expect(authorize.mock.calls[0]?.[1].signal.aborted).toBe(true)
  })

  it('brings no address is not believed', async () => {
    // What a program without types may give.
    const { auth, arrivals } = bench({ authorize: () => undefined as unknown as string })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'invalid_callback' })
    expect(arrivals).toEqual([])
  })

  it('may bring a URL object', async () => {
    const { auth } = bench({ authorize: async (url) => new URL(callbackOf(url)) })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
  })

  it('is not asked again while the token is good', async () => {
    const { auth, authorize } = bench()

    await auth.getToken()
    await auth.getToken()

    expect(authorize).toHaveBeenCalledTimes(1)
  })
})

describe('without a way to ask anybody', () => {
  const needed = { name: 'AuthorizationError', code: 'interaction_required', recovery: 'interaction' }

  it('a token that is not there is an error, and nothing is sent', async () => {
    const { auth, arrivals } = bench({ authorize: undefined, redirectUri: undefined })

    await expect(auth.getToken()).rejects.toMatchObject(needed)
    await expect(auth.getToken()).rejects.toThrow('Pass the option authorize')
    expect(arrivals).toEqual([])
  })

  it('a request that nobody waits for asks nobody, though somebody is there', async () => {
    const { auth, authorize, arrivals } = bench({ resource: 'https://rs.example' })

    await expect(auth.fetch('https://rs.example/')).rejects.toMatchObject(needed)
    await expect(auth.getToken({ interactive: false })).rejects.toMatchObject(needed)

    expect(authorize).not.toHaveBeenCalled()
    expect(arrivals).toEqual([])
  })

  it('a token of an earlier process, in a store, is enough', async () => {
    const store = memoryStore()
    await bench({ store }).auth.getToken()

    const { auth, arrivals } = bench({ store, authorize: undefined })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
    expect(arrivals).toEqual([])
  })
})

describe('a refresh token of an earlier authorization', () => {
  it('is used, and nobody is asked', async () => {
    const { auth, authorize, forms } = bench({ refreshToken: 'r0', resource: 'https://rs.example' }, token)

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1', refreshToken: 'r0' })

    expect(forms()).toEqual([
      {
        grant_type: 'refresh_token',
        refresh_token: 'r0',
        client_id: 'me',
        resource: 'https://rs.example',
      },
    ])
    expect(authorize).not.toHaveBeenCalled()
  })

  it('that is refused has a person sign in', async () => {
    const { auth, authorize, forms } = bench({ refreshToken: 'r0' }, refusal, token)

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1', refreshToken: undefined })

    expect(authorize).toHaveBeenCalledTimes(1)
    expect(forms()).toMatchObject([{ grant_type: 'refresh_token' }, { grant_type: 'authorization_code' }])
  })

  it('that is refused, where nobody can be asked, is an error; and it is not sent again', async () => {
    const { auth, forms } = bench({ refreshToken: 'r0', authorize: undefined }, refusal)
    const needed = { name: 'AuthorizationError', code: 'interaction_required' }

    await expect(auth.getToken()).rejects.toMatchObject(needed)
    await expect(auth.getToken()).rejects.toMatchObject(needed)

    expect(forms()).toMatchObject([{ grant_type: 'refresh_token' }])
  })

  it('that could not be tried asks nobody: the server may be back in a moment', async () => {
    const down = () => new Response('', { status: 503 })
    const { auth, authorize } = bench({ refreshToken: 'r0' }, down)

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', code: 'unavailable' })

    expect(authorize).not.toHaveBeenCalled()
  })

  it('is not used any more by who has signed out, had it been used or not', async () => {
    const used = bench({ refreshToken: 'r0' }, token)
    await used.auth.getToken()
    const unused = bench({ refreshToken: 'r0' }, token)

    for (const { auth } of [used, unused]) {
      await expect(auth.signOut()).resolves.toBe(false)
      await auth.getToken()
    }

    expect(used.forms()).toMatchObject([
      { grant_type: 'refresh_token' },
      { grant_type: 'authorization_code' },
    ])
    expect(unused.forms()).toMatchObject([{ grant_type: 'authorization_code' }])
  })
})
