import { describe, expect, it } from 'vitest'
import { dpop } from '../src/dpop.ts'
import {
  authorizedFetch,
  createToken,
  type Fetch,
  type GetTokenOptions,
  type GrantEvent,
  type TokenInit,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { type Reply, tokenServer } from './token-server.ts'

const url = 'https://api.example/orders'

interface BenchOptions {
  /** How many tokens there are; the last one stays. */
  readonly tokens?: number
  readonly binding?: TokenInit['binding']
  readonly send?: Fetch
  readonly onEvent?: (event: GrantEvent) => void
}

function bench(replies: Reply[], { tokens = 9, binding, send, onEvent }: BenchOptions = {}) {
  const clock = handClock()
  const events: GrantEvent[] = []
  let made = 1
  const getToken = async ({ rejected, challenge }: GetTokenOptions = {}) => {
    if (rejected !== undefined || challenge !== undefined) made = Math.min(made + 1, tokens)
    return createToken({ accessToken: `secret${made}`, binding })
  }
  const fetch = authorizedFetch(
    { getToken },
    {
      origins: ['https://api.example'],
      fetch: send ?? tokenServer(...replies).fetch,
      clock,
      onEvent: onEvent ?? ((event) => void events.push(event)),
    },
  )
  return { fetch, clock, events }
}

const no =
  (status: number, challenge = '') =>
  () =>
    new Response(String(status), { status, headers: { 'www-authenticate': challenge } })
const ok: Reply = () => new Response('ok')
const more = no(403, 'Bearer error="insufficient_scope", scope="b"')
const nonce: Reply = () =>
  new Response('', {
    status: 401,
    headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n' },
  })
/** As fetch tells of a redirect that it has followed. */
const redirectedTo =
  (to: string): Reply =>
  () =>
    Object.defineProperties(no(401)(), { redirected: { value: true }, url: { value: to } })

const streaming = () => ({ method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' }) as RequestInit

describe('a refusal', () => {
  it('is told, with the time, and with nothing that is secret', async () => {
    const { fetch, events, clock } = bench([no(401, 'Bearer error="hunter2"'), ok])

    await fetch(`${url}?key=hunter2#hunter2`, { method: 'POST', body: 'hunter2' })

    expect(events).toEqual([
      {
        type: 'refusal',
        at: clock.now(),
        flow: expect.any(String),
        url: 'https://api.example/orders?…',
        status: 401,
        outcome: 'repeated',
      },
    ])
    expect(JSON.stringify(events)).not.toMatch(/hunter2|secret/)
  })

  it.each<[string, Reply[], RequestInit | undefined, BenchOptions, string[]]>([
    ['a 401', [no(401), ok], {}, {}, ['401 repeated']],
    ['a demand for more', [more, ok], {}, {}, ['403 repeated']],
    ['both', [no(401), more, ok], {}, {}, ['401 repeated', '403 repeated']],
    ['a second 401', [no(401)], {}, {}, ['401 repeated', '401 passed_on again']],
    ['a second demand', [more], {}, {}, ['403 repeated', '403 passed_on again']],
    ['no other token', [no(401)], {}, { tokens: 1 }, ['401 passed_on same_token']],
    ['a stream', [no(401)], streaming(), {}, ['401 passed_on stream']],
    ['a redirect of a POST', [redirectedTo(url)], { method: 'POST' }, {}, ['401 passed_on redirected']],
    [
      'a redirect of a Request that is a POST',
      [redirectedTo(url)],
      new Request(url, { method: 'POST' }),
      {},
      ['401 passed_on redirected'],
    ],
    ['a redirect of a FORGET', [redirectedTo(url)], { method: 'FORGET' }, {}, ['401 passed_on redirected']],
    ['a redirect of a GETALL', [redirectedTo(url)], { method: 'GETALL' }, {}, ['401 passed_on redirected']],
    ['a redirect of a GET', [redirectedTo(url), ok], {}, {}, ['401 repeated']],
    ['a redirect of a get', [redirectedTo(url), ok], { method: 'get' }, {}, ['401 repeated']],
    ['a redirect of a HEAD', [redirectedTo(url), ok], { method: 'HEAD' }, {}, ['401 repeated']],
    ['a redirect to elsewhere', [redirectedTo('https://b.example/')], {}, {}, ['401 passed_on elsewhere']],
    ['no refusal of the token', [no(403)], {}, {}, []],
    ['no refusal', [ok], {}, {}, []],
  ])('says what became of it: %s', async (_, replies, init, options, told) => {
    const { fetch, events } = bench(replies, options)

    await (await fetch(url, init)).body?.cancel()

    expect(told).toEqual(
      events.map((event) =>
        event.type === 'refusal' ? [event.status, event.outcome, event.why].join(' ').trim() : event.type,
      ),
    )
  })

  it.each<[string, () => RequestInit, number]>([
    ['that cannot be sent again', streaming, 1],
    ['that was sent twice', () => ({}), 2],
  ])('of the proof of a request %s is told as such (DP-04)', async (_, make, tries) => {
    const { fetch: send, arrivals } = tokenServer(nonce)
    const { fetch, events } = bench([], { send, binding: await dpop() })

    const response = await fetch(url, make())

    expect(response.status).toBe(401)
    expect(arrivals).toHaveLength(tries)
    expect(events).toMatchObject([{ type: 'refusal', status: 401, outcome: 'passed_on', why: 'proof' }])
  })

  it('is dealt with though its observer throws', async () => {
    const onEvent = () => {
      throw new Error('of the observer')
    }
    const { fetch } = bench([no(401), ok], { onEvent })

    await expect(fetch(url)).resolves.toMatchObject({ status: 200 })
  })
})
