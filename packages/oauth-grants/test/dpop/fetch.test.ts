import { describe, expect, it, vi } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import { authorizedFetch, createToken, type Fetch, type GetTokenOptions } from '../../src/index.ts'
import { claimsOf, proofsOf } from './reading.ts'

const url = 'https://api.example/orders?key=value'
const origins = ['https://api.example']

interface Sent {
  readonly headers: Headers
  readonly redirect: RequestInit['redirect']
}

/** A fetch over bound tokens t1, t2, ..., each used until it is refused, and what it sent. */
async function bench(...answers: (() => Response)[]) {
  const binding = await dpop()
  const sent: Sent[] = []
  const fetch: Fetch = async (input, init) => {
    const { headers } = new Request(input, init)
    const { redirect } = init ?? {}
    sent.push({ headers, redirect })
    return (answers[sent.length - 1] ?? (() => new Response('here')))()
  }
  let made = 1
  const getToken = vi.fn(async ({ rejected }: GetTokenOptions = {}) => {
    if (rejected?.accessToken === `t${made}`) made += 1
    return createToken({ accessToken: `t${made}`, binding })
  })
  const authorizations = () => sent.map(({ headers }) => headers.get('authorization'))
  return { send: authorizedFetch({ getToken }, { origins, fetch }), sent, getToken, authorizations }
}

describe('a request with a bound token', () => {
  it.each<[string, RequestInit | undefined]>([
    ['without headers', undefined],
    ['with an object of them', { headers: { Authorization: 'Basic old', DPoP: 'old', 'x-own': 'kept' } }],
    [
      'with a list of them',
      {
        headers: [
          ['authorization', 'Basic old'],
          ['dpop', 'old'],
          ['x-own', 'kept'],
        ],
      },
    ],
    ['with Headers', { headers: new Headers({ authorization: 'Basic old', dpop: 'old', 'x-own': 'kept' }) }],
  ])(
    '%s carries the token by the scheme DPoP and one proof (DP-02, DP-03, RFC 9449 §7.1)',
    async (_, init) => {
      const { send, sent, authorizations } = await bench()

      await send(url, init)

      expect(authorizations()).toEqual(['DPoP t1'])
      expect(proofsOf(sent)).toMatchObject([
        { htm: 'GET', htu: 'https://api.example/orders', ath: expect.any(String) },
      ])
      expect(sent[0]?.headers.get('x-own')).toBe(init === undefined ? null : 'kept')
    },
  )

  it.each<[string, Parameters<Fetch>, string]>([
    ['of the init', [url, { method: 'delete' }], 'DELETE'],
    ['of a Request', [new Request(url, { method: 'PUT' })], 'PUT'],
    ['of an init, with a Request', [new Request(url, { method: 'PUT' }), { method: 'POST' }], 'POST'],
    ['of a URL', [new URL(url)], 'GET'],
  ])('proves the method %s (DP-03)', async (_, args, method) => {
    const { send, sent } = await bench()

    await send(...args)

    expect(proofsOf(sent)).toMatchObject([{ htm: method, htu: 'https://api.example/orders' }])
  })

  it('carries another proof each time (DP-03)', async () => {
    const { send, sent } = await bench()

    await Promise.all([send(url), send(url), send(url)])

    expect(new Set(proofsOf(sent).map(({ jti }) => jti)).size).toBe(3)
  })

  it('that was refused goes out again with a new token and a proof for it (DP-03, DP-12)', async () => {
    const { send, sent, authorizations } = await bench(() => new Response('', { status: 401 }))

    const response = await send(url)

    const [first, second] = proofsOf(sent)
    expect([response.status, authorizations()]).toEqual([200, ['DPoP t1', 'DPoP t2']])
    expect(second?.ath).not.toBe(first?.ath)
    expect(second?.jti).not.toBe(first?.jti)
  })

  it.each<[string[], string[], (string | undefined)[]]>([
    [
      ['use_dpop_nonce', 'invalid_token'],
      ['t1', 't1', 't2'],
      [undefined, 'n1', 'n2'],
    ],
    [
      ['invalid_token', 'use_dpop_nonce'],
      ['t1', 't2', 't2'],
      [undefined, 'n1', 'n2'],
    ],
    [
      ['use_dpop_nonce', 'invalid_token', 'use_dpop_nonce'],
      ['t1', 't1', 't2', 't2'],
      [undefined, 'n1', 'n2', 'n3'],
    ],
  ])(
    'may be refused for its nonce and for its token: either costs one more try, with a proof of its own: %j (DP-04)',
    async (errors, tokens, nonces) => {
      const refusals = errors.map((error, index) => () => {
        const headers = { 'www-authenticate': `DPoP error="${error}"`, 'dpop-nonce': `n${index + 1}` }
        return new Response('', { status: 401, headers })
      })
      const { send, sent, getToken, authorizations } = await bench(...refusals)

      const response = await send(url)

      const proofs = proofsOf(sent)
      expect(response.status).toBe(200)
      expect(authorizations()).toEqual(tokens.map((token) => `DPoP ${token}`))
      expect(proofs.map(({ nonce }) => nonce)).toEqual(nonces)
      expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(tokens.length)
      expect(getToken).toHaveBeenCalledTimes(2)
    },
  )
})

it('a fetch that only proves leaves the rest of a request as it is (DP-03)', async () => {
  const sent: Request[] = []
  const binding = await dpop()
  const prove = binding.proving(async (input, init) => {
    sent.push(new Request(input, init))
    return new Response('here')
  }, 't1')

  await prove(new Request(url, { method: 'POST', body: 'text', headers: { 'x-own': 'kept' } }))
  await prove(new URL(url), { headers: { 'x-own': 'kept' } })

  expect(sent.map(({ headers }) => headers.get('x-own'))).toEqual(['kept', 'kept'])
  expect(await sent[0]?.text()).toBe('text')
  expect(proofsOf(sent).map(({ htm, htu }) => `${htm} ${htu}`)).toEqual([
    'POST https://api.example/orders',
    'GET https://api.example/orders',
  ])
})

it('a fetch that only proves needs no headers (DP-03)', async () => {
  const send = vi.fn<Fetch>(async () => new Response('here'))
  const prove = (await dpop()).proving(send, 't1')

  await prove(url)

  expect([...new Headers(send.mock.lastCall?.[1]?.headers).keys()]).toEqual(['dpop'])
})

it('the answer that asks for a nonce is let go, and the body that goes out again is not (DP-04)', async () => {
  const cancel = vi.fn()
  const sent: Request[] = []
  const binding = await dpop()
  const prove = binding.proving(async (input) => {
    // Read when all is over, as a connection does that lets the answer begin before the end of the body.
    sent.push(input instanceof Request ? input : new Request(input))
    const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n1' }
    return new Response(new ReadableStream({ cancel }), sent.length === 1 ? { status: 401, headers } : {})
  }, 't1')

  await prove(new Request(url, { method: 'POST', body: 'own' }))

  expect(cancel).toHaveBeenCalledTimes(1)
  await expect(Promise.all(sent.map((each) => each.text()))).resolves.toEqual(['own', 'own'])
})

it('a fetch that only proves has the headers in each try, also those that can be read once (DP-04)', async () => {
  const sent: Request[] = []
  const binding = await dpop()
  const prove = binding.proving(async (input, init) => {
    sent.push(new Request(input, init))
    const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n1' }
    return new Response('', { status: 401, headers })
  }, 't1')
  // Any iterable of pairs will do for fetch; the type allows less.
  const headers = new Map([['x-own', 'kept']]).entries() as unknown as HeadersInit

  await prove(url, { headers })

  expect(sent.map((each) => each.headers.get('x-own'))).toEqual(['kept', 'kept'])
})

describe('a redirect', () => {
  it.each<[string, Parameters<Fetch>]>([
    ['unless it is said', [url]],
    ['where it was to be followed', [url, { redirect: 'follow' }]],
    ['where a Request was to follow it', [new Request(url)]],
    ['as it was said', [url, { redirect: 'manual' }]],
  ])('is not followed with a proof, %s: it is the answer (DP-12)', async (_, args) => {
    const { send, sent } = await bench(
      () => new Response(null, { status: 307, headers: { location: 'https://elsewhere.example/' } }),
    )

    const response = await send(...args)

    expect([response.status, sent.length]).toEqual([307, 1])
    expect(sent[0]?.redirect).toBe('manual')
  })

  it.each<[string, Parameters<Fetch>]>([
    ['the init', [url, { redirect: 'error' }]],
    ['a Request', [new Request(url, { redirect: 'error' })]],
  ])('is an error, where %s says so', async (_, args) => {
    const { send, sent } = await bench()

    await send(...args)

    expect(sent[0]?.redirect).toBe('error')
  })

  it('that the caller follows gets a proof for where it leads (DP-12, RFC 9449 §4.2)', async () => {
    const { send, sent } = await bench()

    await send(url)
    await send('https://api.example/elsewhere')

    expect(proofsOf(sent).map(({ htu }) => htu)).toEqual([
      'https://api.example/orders',
      'https://api.example/elsewhere',
    ])
  })

  it('of a token that is not bound is left to fetch, as it always was', async () => {
    const sent: (RequestInit | undefined)[] = []
    const fetch: Fetch = async (_, init) => {
      sent.push(init)
      return new Response()
    }
    const source = { getToken: async () => createToken({ accessToken: 't' }) }

    await authorizedFetch(source, { origins, fetch })(url)

    expect(sent).toEqual([{ headers: { authorization: 'Bearer t' } }])
  })
})

describe('a bound token', () => {
  it('has its type and its binding, whatever the spelling of the type (DP-03)', async () => {
    const binding = await dpop()

    for (const tokenType of [undefined, 'DPoP', 'dpop']) {
      const token = createToken({ accessToken: 't', tokenType, binding })
      expect([token.tokenType, token.binding]).toEqual(['DPoP', binding])
    }
  })

  it.each<[string, string, boolean]>([
    ['DPoP without a binding', 'DPoP', false],
    ['Bearer with one', 'Bearer', true],
  ])('is none: %s (RFC 6749 §7.1)', async (_, tokenType, isBound) => {
    const binding = isBound ? await dpop() : undefined

    expect(() => createToken({ accessToken: 't', tokenType, binding })).toThrow(
      expect.objectContaining({ code: 'invalid_token' }),
    )
  })

  it('can be used without our fetch: it has what makes the proof (DP-03)', async () => {
    const { binding, accessToken } = createToken({ accessToken: 't', binding: await dpop() })

    const proof = await binding?.proof({ method: 'GET', url, accessToken })

    expect(claimsOf(proof)).toMatchObject({ htm: 'GET', ath: expect.any(String) })
  })
})

it('leaves the body of a Request to its owner where the init has another one, and needs it not', async () => {
  const bodies: string[] = []
  const binding = await dpop()
  const prove = binding.proving(async (input, init) => {
    bodies.push(await new Request(input, init).text())
    return new Response('here')
  }, 't1')
  const request = new Request(url, { method: 'POST', body: 'own' })

  await prove(request, { body: 'other' })
  expect(await request.text()).toBe('own')
  await prove(request, { body: 'third' })

  expect(bodies).toEqual(['other', 'third'])
})
