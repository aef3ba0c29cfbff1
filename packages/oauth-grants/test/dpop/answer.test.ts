import { describe, expect, it } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import {
  type AuthOptions,
  ClientCredentialsAuth,
  createToken,
  memoryStore,
  TokenExchangeAuth,
  TokenSession,
} from '../../src/index.ts'
import { exchanged } from '../exchange-server.ts'
import { handClock } from '../hand-clock.ts'
import { bench, refusal } from '../sign-in.ts'
import { metadata, type Reply, tokenServer } from '../token-server.ts'
import { bound } from './reading.ts'

const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }
const bearer = { ...bound, token_type: 'Bearer' }

function ask(options: Partial<AuthOptions>, ...replies: Reply[]) {
  const { fetch, arrivals } = tokenServer(...replies)
  const auth = new ClientCredentialsAuth({ ...base, fetch, ...options })
  const proofs = () => arrivals.map(({ headers }) => headers.has('dpop'))
  return { auth, arrivals, proofs }
}

describe('the answer to a request with a proof', () => {
  it.each(['DPoP', 'dpop', 'DPOP'])(
    'is a bound token, where it says %s (DP-07, RFC 9449 §5)',
    async (type) => {
      const binding = await dpop()
      const { auth } = ask({ binding }, { ...bound, token_type: type })

      const token = await auth.getToken()

      expect([token.tokenType, token.binding]).toEqual(['DPoP', binding])
    },
  )

  it('is not used, where it is a token that anybody can use: a downgrade (DP-07, RFC 9449 §5)', async () => {
    const { auth } = ask({ binding: await dpop() }, bearer)

    await expect(auth.getToken()).rejects.toMatchObject({
      code: 'token_type_not_supported',
      message: expect.stringContaining('Bearer, not DPoP: a downgrade'),
    })
  })

  it.each(['mac', 'N_A', 'DPoPx', 'xDPoP', ''])(
    'is not used, where it is of the type %j (DP-07)',
    async (type) => {
      const { auth } = ask({ binding: await dpop() }, { ...bound, token_type: type })

      await expect(auth.getToken()).rejects.toMatchObject({ code: 'token_type_not_supported' })
    },
  )

  it('may be what is no access token, where an exchange asked for it (RFC 8693 §2.2.1)', async () => {
    const type = 'urn:ietf:params:oauth:token-type:id-jag'
    const { fetch } = tokenServer({ ...exchanged, token_type: 'N_A', issued_token_type: type })
    const binding = await dpop()
    const asked = { ...base, fetch, binding, subjectToken: 's', requestedTokenType: type }

    await expect(new TokenExchangeAuth(asked).getToken()).resolves.toMatchObject({ tokenType: 'N_A' })
  })
})

it('a refresh token that is refused leads to a person also where its token was bound (DP-08)', async () => {
  const clock = handClock()
  const first = { ...bound, refresh_token: 'r', expires_in: 60 }
  const { auth } = bench({ binding: await dpop(), clock }, first, refusal)
  await auth.getToken()
  clock.pass(60_000)

  await expect(auth.getToken({ interactive: false })).rejects.toMatchObject({ code: 'interaction_required' })
})

it('a bound token that was not asked for is not used (DP-07, RFC 6749 §7.1)', async () => {
  const { auth } = ask({}, bound)

  await expect(auth.getToken()).rejects.toMatchObject({
    code: 'token_type_not_supported',
    message: expect.stringContaining('DPoP, not Bearer'),
  })
})

describe('a server that says nothing of DPoP', () => {
  it('is asked for a bound token, where one is needed (DP-07)', async () => {
    const { auth, proofs } = ask({ binding: await dpop() }, bound)

    await auth.getToken()

    expect(proofs()).toEqual([true])
  })

  it('is asked for another, where tokens are bound only if they can be (DP-09)', async () => {
    const { auth, proofs } = ask({ binding: await dpop({ whereSupported: true }) }, bearer)

    await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'Bearer', binding: undefined })
    expect(proofs()).toEqual([false])
  })
})

it('a server that lists the algorithm is asked for a bound token, where tokens are bound if they can be (DP-09)', async () => {
  const binding = await dpop({ whereSupported: true })
  const serverMetadata = { ...metadata, dpop_signing_alg_values_supported: ['ES256'] }
  const downgrading = ask({ binding, serverMetadata }, bearer)
  const { auth, proofs } = ask({ binding, serverMetadata }, bound)

  await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'DPoP' })
  await expect(downgrading.auth.getToken()).rejects.toMatchObject({ code: 'token_type_not_supported' })
  expect(proofs()).toEqual([true])
})

it('a server that lists other algorithms is told at once, before anything is sent (DP-09, RFC 9449 §5.1)', async () => {
  const serverMetadata = { ...metadata, dpop_signing_alg_values_supported: ['RS256', 'none'] }
  const binding = await dpop()

  expect(() => ask({ binding, serverMetadata })).toThrow(
    expect.objectContaining({ name: 'AuthConfigError', code: 'invalid_key' }),
  )
})

describe('a resource that takes bound tokens only', () => {
  const resourceUrl = 'https://rs.example/'
  const find = (options: Pick<AuthOptions, 'binding'>, server: object = metadata) =>
    ClientCredentialsAuth.fromResource({
      resourceUrl,
      clientId: 'me',
      clientSecret: 'hush',
      ...options,
      fetch: async (input, init) => {
        const { url, method } = new Request(input, init)
        if (method === 'POST') return Response.json(bound)
        const document = { resource: resourceUrl, authorization_servers: [metadata.issuer] }
        const demanding = { ...document, dpop_bound_access_tokens_required: true }
        return Response.json(url.startsWith(metadata.issuer) ? server : demanding)
      },
    })

  it('is used where tokens are bound, also if the server says nothing of it (DP-09, PR-15, RFC 9728 §2)', async () => {
    for (const whereSupported of [false, true]) {
      const auth = await find({ binding: await dpop({ whereSupported }) })

      await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'DPoP' })
    }
  })

  it('is refused where tokens are not bound, and the message says what helps (PR-15)', async () => {
    await expect(find({})).rejects.toMatchObject({
      code: 'resource_not_supported',
      message: expect.stringContaining('option binding'),
    })
  })

  it('is refused where its server takes proofs of other algorithms only (DP-09)', async () => {
    const server = { ...metadata, dpop_signing_alg_values_supported: ['RS256'] }

    const attempt = find({ binding: await dpop({ whereSupported: true }) }, server)

    await expect(attempt).rejects.toMatchObject({ code: 'invalid_key' })
  })
})

describe('a store', () => {
  it('gives a bound token to objects of the same key, with the binding, and to no others (DP-08)', async () => {
    const store = memoryStore()
    const binding = await dpop()
    const first = ask({ store, binding }, bound)
    await first.auth.getToken()

    const [same, other, none] = [
      ask({ store, binding }, { ...bound, access_token: 'new' }),
      ask({ store, binding: await dpop() }, { ...bound, access_token: 'new' }),
      ask({ store }, { ...bearer, access_token: 'new' }),
    ]

    await expect(same.auth.getToken()).resolves.toMatchObject({ accessToken: 'a-token', binding })
    await expect(other.auth.getToken()).resolves.toMatchObject({ accessToken: 'new' })
    await expect(none.auth.getToken()).resolves.toMatchObject({ accessToken: 'new', tokenType: 'Bearer' })
  })

  it('under one key of the caller gives no bound token to whoever does not bind, and the reverse (DP-08)', async () => {
    const binding = await dpop()
    const session = (isBound: boolean, store = memoryStore()) => {
      const own = isBound ? { binding } : {}
      const obtain = async () => createToken({ accessToken: `of ${isBound}`.replace(' ', '-'), ...own })
      return { store, it: new TokenSession(obtain, { storage: { store, key: 'k', ...own } }) }
    }
    for (const isBound of [true, false]) {
      const { store, it: first } = session(isBound)
      await first.getToken()

      await expect(session(!isBound, store).it.getToken()).resolves.toMatchObject({
        accessToken: `of-${!isBound}`,
      })
    }
  })
})

it("the parameter dpop_jkt is the protocol's own (DP-11)", () => {
  expect(() => ask({ parameters: { dpop_jkt: 'x' } })).toThrow(
    expect.objectContaining({ code: 'invalid_parameter' }),
  )
})
