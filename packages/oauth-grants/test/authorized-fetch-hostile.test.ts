import { describe, expect, it, vi } from 'vitest'
import { dpop } from '../src/dpop.ts'
import {
  authorizedFetch,
  ClientCredentialsAuth,
  createToken,
  type Fetch,
  type GetTokenOptions,
} from '../src/index.ts'
import { tokenServer } from './token-server.ts'

const url = 'https://api.example/orders'
const origins = ['https://api.example']
const status = (code: number) => new Response(String(code), { status: code })
/** What the type forbids, and programs without types do. */
const untyped = (value: unknown) => value as never

function bench(fetch: Fetch) {
  const getToken = vi.fn(async ({ rejected }: GetTokenOptions = {}) =>
    createToken({ accessToken: rejected === undefined ? 't1' : 't2' }),
  )
  return { fetch: authorizedFetch({ getToken }, { origins, fetch }), getToken }
}

/** A body that does not end by itself, and whether its source was let go. */
function openBody() {
  const cancel = vi.fn()
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('begun')),
    cancel,
  })
  return { init: { method: 'POST', body, duplex: 'half' } as RequestInit, cancel }
}

/** As fetch does with a body when the connection ends. */
async function letGo(input: string | URL | Request) {
  if (input instanceof Request) await input.body?.cancel()
}

describe('the stream of a Request is let go, with its copy', () => {
  it.each<[string, Fetch]>([
    [
      'where the network fails',
      async (input) => {
        void letGo(input)
        throw new TypeError('fetch failed')
      },
    ],
    [
      'where the answer comes before its end',
      async (input) => {
        void letGo(input)
        return status(200)
      },
    ],
    [
      'where it is refused twice',
      async (input) => {
        void letGo(input)
        return status(401)
      },
    ],
  ])('%s', async (_, send) => {
    const { init, cancel } = openBody()
    const { fetch } = bench(send)

    await fetch(new Request(url, init)).catch(() => {})

    await vi.waitFor(() => expect(cancel).toHaveBeenCalledTimes(1))
  })

  it('where no token was needed', async () => {
    const { init, cancel } = openBody()
    const send: Fetch = async (input) => {
      void letGo(input)
      return status(200)
    }
    const given = { resourceUrl: 'https://api.example/', clientId: 'a', clientSecret: 'b', fetch: send }
    await using auth = new ClientCredentialsAuth(given)

    await expect(auth.fetch(new Request(url, init))).resolves.toMatchObject({ status: 200 })

    await vi.waitFor(() => expect(cancel).toHaveBeenCalledTimes(1))
  })

  it('with a proof', async () => {
    const { init, cancel } = openBody()
    const binding = await dpop()
    const prove = binding.proving(async (input) => {
      void letGo(input)
      return status(200)
    }, 't1')

    await prove(new Request(url, init))

    await vi.waitFor(() => expect(cancel).toHaveBeenCalledTimes(1))
  })
})

describe('a Request of another kind than the global one', () => {
  /** As a library makes it that brings its own fetch. */
  class OwnRequest {
    readonly #request: Request
    constructor(request: Request) {
      this.#request = request
    }
    get url() {
      return this.#request.url
    }
    get method() {
      return this.#request.method
    }
    get headers() {
      return this.#request.headers
    }
    get body() {
      return this.#request.body
    }
    get signal() {
      return this.#request.signal
    }
    clone() {
      return new OwnRequest(this.#request.clone())
    }
    async read() {
      return `${this.method} ${await this.#request.text()}`
    }
  }
  const make = () =>
    new OwnRequest(new Request(url, { method: 'PUT', body: 'x', headers: { 'x-mine': '1' } }))

  it.each([false, true])(
    'is sent with its headers, and again with its body; with a proof: %s',
    async (isBound) => {
      const sent: string[] = []
      const binding = isBound ? await dpop() : undefined
      const send: Fetch = async (input, init) => {
        const headers = new Headers(init?.headers)
        const read = untyped(input) as OwnRequest
        sent.push(`${await read.read()} ${headers.get('x-mine')} ${headers.get('authorization')}`)
        return status(sent.length === 1 ? 401 : 200)
      }
      const getToken = async ({ rejected }: GetTokenOptions = {}) =>
        createToken({ accessToken: rejected === undefined ? 't1' : 't2', binding })

      await authorizedFetch({ getToken }, { origins, fetch: send })(untyped(make()))

      const type = isBound ? 'DPoP' : 'Bearer'
      expect(sent).toEqual([`PUT x 1 ${type} t1`, `PUT x 1 ${type} t2`])
    },
  )

  it('is refused for another origin', async () => {
    const { fetch, getToken } = bench(async () => status(200))
    const elsewhere = new OwnRequest(new Request('https://evil.example/'))

    await expect(fetch(untyped(elsewhere))).rejects.toMatchObject({ code: 'origin_refused' })
    expect(getToken).not.toHaveBeenCalled()
  })
})

it('what names one URL and stands for another is sent nothing (MC-03)', async () => {
  const { fetch: send, arrivals } = tokenServer()
  const { fetch } = bench(send)

  const going = fetch(untyped({ url, href: url, toString: () => 'https://evil.example/' }))

  await expect(going).rejects.toMatchObject({ code: 'origin_refused' })
  expect(arrivals).toEqual([])
})

it.each([undefined, '', 'N_A', 'mac', 'Bearer\r\nx-evil: 1', 'Bearer x,', 'evil Bearer'])(
  'puts no token of the type %j on a request (RFC 6749 §7.1)',
  async (tokenType) => {
    const { fetch: send, arrivals } = tokenServer()
    const source = { getToken: async () => untyped({ accessToken: 'a-token', tokenType }) }

    const going = authorizedFetch(source, { origins, fetch: send })(url)

    await expect(going).rejects.toMatchObject({
      code: 'invalid_token',
      message:
        'The token cannot be used: its type is not that of an access token, Bearer or DPoP (RFC 6749 §7.1, RFC 8693 §2.2.1).',
    })
    expect(arrivals).toEqual([])
  },
)

it.each(['bearer', 'BEARER', 'dpop'])(
  'the type of a token may be spelled %s (RFC 6749 §5.1)',
  async (tokenType) => {
    const { fetch: send, arrivals } = tokenServer()
    const source = { getToken: async () => untyped({ accessToken: 'a-token', tokenType }) }

    await authorizedFetch(source, { origins, fetch: send })(url)

    expect(arrivals[0]?.headers.get('authorization')).toBe(`${tokenType} a-token`)
  },
)

it('rejects where what sends throws at once', async () => {
  const error = new Error('at once')
  const { fetch } = bench(() => {
    throw error
  })

  await expect(fetch(url)).rejects.toBe(error)
})

it('takes an answer without headers for one without a challenge', async () => {
  const answers = [{ status: 401 }, { status: 200 }]
  const { fetch } = bench(async () => untyped(answers.shift()))

  await expect(fetch(url)).resolves.toEqual({ status: 200 })
})

it.each([1, 2])('does not go on after try %i was aborted', async (attempt) => {
  const abort = new AbortController()
  let tries = 0
  const { fetch } = bench(async (_, init) => {
    tries += 1
    if (tries === attempt) abort.abort(new Error('enough'))
    init?.signal?.throwIfAborted()
    return status(401)
  })

  await expect(fetch(url, { signal: abort.signal })).rejects.toThrow('enough')
  expect(tries).toBe(attempt)
})
