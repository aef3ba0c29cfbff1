import {
  AuthorizationCodeAuth,
  authorizedFetch,
  ClientCredentialsAuth,
  type ClientCredentialsOptions,
  createToken,
  memoryStore,
  TokenSession,
} from '@x/oauth-grants'
import { testClients } from '@x/testbed/clients'
import { handClock } from '@x/testbed/hand-clock'
import type { Case, Place } from './case.ts'
import { failureOf, holds, refused, same, until } from './claims.ts'

const { worker, cli } = testClients
const hourMs = 3_600_000
const hundred = Array.from({ length: 100 }, (_, each) => each)

const tokenRequests = ({ count }: Place) => count('authorizationServer', { method: 'POST', path: '/token' })

const workerAt = (place: Place, more: Pick<ClientCredentialsOptions, 'clock'> = {}) =>
  ClientCredentialsAuth.fromResource({ resourceUrl: place.apiUrl, ...worker, ...more })

export const keepingCases: readonly Case[] = [
  {
    name: 'asks once for 100 calls at once',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      const responses = await Promise.all(hundred.map(() => auth.fetch(place.apiUrl)))
      same(new Set(responses.map(({ status }) => status)).size, 1, 'different statuses')
      same(responses[0]?.status, 200, 'status')
      await Promise.all(responses.map((response) => response.text()))
      same(await tokenRequests(place), 1, 'token requests')
    },
  },
  {
    name: 'renews once for 100 calls that are refused with a token that was good',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      const { accessToken } = await auth.getToken()
      await place.refuse('api', accessToken)
      const statuses = await Promise.all(
        hundred.map(async () => {
          const response = await auth.fetch(`${place.apiUrl}/orders`)
          await response.text()
          return response.status
        }),
      )
      same(
        statuses.filter((status) => status !== 200),
        [],
        'other statuses',
      )
      same(await tokenRequests(place), 2, 'token requests')
    },
  },
  {
    name: 'asks again when the token has ended',
    async run({ open }) {
      const place = await open()
      const clock = handClock(Date.now())
      await using auth = await workerAt(place, { clock })
      const first = await auth.getToken()
      clock.pass(hourMs)
      const second = await auth.getToken()
      holds(first.accessToken !== second.accessToken, 'there is another token')
      same(await tokenRequests(place), 2, 'token requests')
    },
  },
  {
    name: 'uses a good token while its successor is fetched',
    async run({ open }) {
      const place = await open()
      const clock = handClock(Date.now())
      await using auth = await workerAt(place, { clock })
      const first = await auth.getToken()
      await place.break('authorizationServer', { kind: 'delay', ms: 300 }, { method: 'POST', path: '/token' })
      clock.pass(hourMs * 0.95)
      same((await auth.getToken()).accessToken, first.accessToken, 'the token at once')
      await until(() => auth.current()?.accessToken !== first.accessToken, 'there is a successor')
      same(await tokenRequests(place), 2, 'token requests')
    },
  },
  {
    name: 'fails no call for a successor that cannot be fetched',
    async run({ open }) {
      const place = await open()
      const clock = handClock(Date.now())
      await using auth = await workerAt(place, { clock })
      const first = await auth.getToken()
      await place.break(
        'authorizationServer',
        { kind: 'status', status: 503 },
        { method: 'POST', path: '/token' },
      )
      clock.pass(hourMs * 0.95)
      for (let call = 0; call < 3; call += 1) same((await auth.getToken()).accessToken, first.accessToken)
      await until(async () => (await tokenRequests(place)) > 1, 'the server was asked')
      await place.heal()
      clock.pass(hourMs)
      holds((await auth.getToken()).accessToken !== first.accessToken, 'there is another token')
    },
  },
  {
    name: 'leaves a server alone that fails',
    async run({ open }) {
      const place = await open()
      const clock = handClock(Date.now())
      await using auth = await workerAt(place, { clock })
      await place.break(
        'authorizationServer',
        { kind: 'status', status: 503 },
        { method: 'POST', path: '/token' },
      )
      for (let call = 0; call < 10; call += 1) await refused(auth.getToken(), { code: 'unavailable' })
      same(await tokenRequests(place), 3, 'token requests')
    },
  },
  {
    name: 'ends the wait of one caller, and not what the others wait for',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      await place.break('authorizationServer', { kind: 'delay', ms: 300 }, { method: 'POST', path: '/token' })
      const controller = new AbortController()
      const [one, other] = [auth.getToken({ signal: controller.signal }), auth.getToken()]
      setTimeout(() => controller.abort(new Error('enough')), 50)
      same((await failureOf(one)).message, 'enough')
      holds((await other).accessToken !== '', 'the other has a token')
      same(await tokenRequests(place), 1, 'token requests')
    },
  },
  {
    name: 'gives up a renewal at its deadline, and tries again',
    async run({ open }) {
      const place = await open()
      const options = { resourceUrl: place.apiUrl, ...worker, timeoutMs: 1_000 }
      await using auth = await ClientCredentialsAuth.fromResource(options)
      await place.break('authorizationServer', { kind: 'hang' }, { method: 'POST', path: '/token', times: 1 })
      await refused(auth.getToken(), { name: 'TokenError', code: 'timeout', recovery: 'transient' })
      same((await auth.fetch(place.apiUrl)).status, 200, 'status')
    },
  },
  {
    name: 'sends a text again after a refusal',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      await place.refuse('api', (await auth.getToken()).accessToken)
      const response = await auth.fetch(`${place.apiUrl}/echo`, echo('{"n":1}'))
      same([response.status, await response.json()], [200, { n: 1 }], 'answer')
    },
  },
  {
    name: 'sends a Request again after a refusal, with its body',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      await place.refuse('api', (await auth.getToken()).accessToken)
      const response = await auth.fetch(new Request(`${place.apiUrl}/echo`, echo('{"n":2}')))
      same([response.status, await response.json()], [200, { n: 2 }], 'answer')
    },
  },
  {
    name: 'sends bytes and a Blob again after a refusal',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      for (const body of [new TextEncoder().encode('{"n":3}'), new Blob(['{"n":3}'])]) {
        await place.refuse('api', (await auth.getToken()).accessToken)
        const response = await auth.fetch(`${place.apiUrl}/echo`, echo(body))
        same([response.status, await response.json()], [200, { n: 3 }], 'answer')
      }
    },
  },
  {
    name: 'sends a stream once, and never a second time',
    except: {
      Chromium: 'it sends a stream by HTTP/2 and HTTP/3 alone, and never by the HTTP/1.1 of the servers here',
    },
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      const { accessToken } = await auth.getToken()
      const sent = await auth.fetch(`${place.apiUrl}/echo`, streamed())
      same([sent.status, await sent.json()], [200, { n: 4 }], 'answer')
      await place.refuse('api', accessToken)
      same((await auth.fetch(`${place.apiUrl}/echo`, streamed())).status, 401, 'status after a refusal')
      same(await place.count('api', { method: 'POST' }), 2, 'requests')
    },
  },
  {
    name: 'ends its request when the signal of the caller does',
    async run({ open }) {
      const place = await open()
      await using auth = await workerAt(place)
      await auth.getToken()
      await place.break('api', { kind: 'hang' }, { method: 'GET', path: '/api' })
      const attempt = auth.fetch(place.apiUrl, { signal: AbortSignal.timeout(100) })
      same((await failureOf(attempt)).name, 'TimeoutError', 'name')
    },
  },
  {
    name: 'works around any source of tokens',
    async run({ open }) {
      const place = await open()
      const auth = await workerAt(place)
      const { accessToken } = await auth.getToken()
      const session = new TokenSession(async () =>
        createToken({ accessToken, expiresAt: Date.now() + hourMs }),
      )
      const send = authorizedFetch(session, { origins: [new URL(place.apiUrl).origin] })
      same((await send(new URL(place.apiUrl))).status, 200, 'status')
    },
  },
  {
    name: 'shares a store: one token request for two objects, and one sign-in',
    async run({ open, agree }) {
      const place = await open()
      const store = memoryStore()
      let asked = 0
      const make = () =>
        AuthorizationCodeAuth.fromResource({
          resourceUrl: place.apiUrl,
          ...cli,
          redirectUri: 'http://127.0.0.1/callback',
          store,
          authorize: (url) => {
            asked += 1
            return agree(url)
          },
        })
      const [one, other] = await Promise.all([make(), make()])
      const tokens = await Promise.all([one, other, one, other].map((auth) => auth.getToken()))
      same(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1, 'different tokens')
      same(asked, 1, 'how often somebody was asked')
    },
  },
  {
    name: 'goes on after a request in which its server was being looked for, and which ended meanwhile',
    async run({ open, request }) {
      const { apiUrl, break: spoil } = await open()
      const slow = { kind: 'delay', ms: 200 }
      await spoil('authorizationServer', slow, { method: 'GET', times: 1 })
      const auth = new ClientCredentialsAuth({ resourceUrl: apiUrl, ...worker })
      await request(async () => {
        auth.getToken().catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 50))
      })
      await request(async () => same((await auth.fetch(apiUrl)).status, 200, 'status'))
    },
  },
  ...(
    [
      ['', undefined],
      [', with a store', memoryStore],
    ] as const
  ).map(
    ([where, createStore]): Case => ({
      name: `goes on after a request in which it was being renewed, and which ended meanwhile${where}`,
      async run({ open, request }) {
        const place = await open()
        const { apiUrl } = place
        const clock = handClock(Date.now())
        const options = { resourceUrl: apiUrl, ...worker, clock, store: createStore?.() }
        const auth = new ClientCredentialsAuth(options)
        const call = () => request(async () => same((await auth.fetch(apiUrl)).status, 200, 'status'))
        await call()
        const slow = { kind: 'delay', ms: 200 }
        await place.break('authorizationServer', slow, { method: 'POST', path: '/token', times: 1 })
        // Its successor is fetched in the background of this one,
        clock.pass(hourMs * 0.95)
        await call()
        // and may be wanted by the next, or only when there is nothing else.
        await call()
        clock.pass(hourMs)
        await Promise.all([call(), call(), call()])
      },
    }),
  ),
  {
    name: 'is of no use when it is closed',
    async run({ open }) {
      const place = await open()
      const auth = await workerAt(place)
      await auth.getToken()
      await auth.close()
      await refused(auth.getToken(), { name: 'AuthConfigError', code: 'closed' })
    },
  },
]

const headers = { 'content-type': 'application/json' }

function echo(body: BodyInit): RequestInit {
  return { method: 'POST', headers, body }
}

function streamed(): RequestInit {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"n":4}'))
      controller.close()
    },
  })
  // The types of the browser do not know it yet, and fetch insists.
  return { ...echo(body), duplex: 'half' } as RequestInit
}
