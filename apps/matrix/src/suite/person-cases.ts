import { discoverAuthorizationServer } from '@x/oauth-discovery'
import {
  AuthorizationCodeAuth,
  dynamicRegistration,
  finishAuthorization,
  memoryStore,
  startAuthorization,
} from '@x/oauth-grants'
import { testClients } from '@x/testbed/clients'
import { handClock } from '@x/testbed/hand-clock'
import type { Case, Place } from './case.ts'
import { holds, refused, same } from './claims.ts'

const { app, cli } = testClients
const redirectUri = 'http://127.0.0.1/callback'
const hourMs = 3_600_000

export const personCases: readonly Case[] = [
  {
    name: 'signs a person in by two requests of a web server (RFC 6749 §4.1, RFC 7636)',
    async run({ open, agree }) {
      const { apiUrl } = await open()
      const { url, pending } = await start(apiUrl, app.clientId)
      const token = await finishAuthorization(await agree(url), pending, { clientSecret: app.clientSecret })
      const headers = { authorization: `Bearer ${token.accessToken}` }
      same((await fetch(apiUrl, { headers })).status, 200, 'status')
      holds(token.refreshToken !== undefined, 'there is a refresh token')
    },
  },
  {
    name: 'acts on no answer but that to its own question (RFC 6749 §10.12, RFC 9207)',
    async run({ open, agree }) {
      const { apiUrl, count } = await open()
      const { url, pending } = await start(apiUrl, cli.clientId)
      const callback = new URL(await agree(url))
      const changed = (name: string, value: string) => {
        const other = new URL(callback)
        other.searchParams.set(name, value)
        return finishAuthorization(other, pending)
      }
      await refused(changed('state', 'guessed'), { name: 'AuthorizationError', code: 'state_mismatch' })
      await refused(changed('iss', 'https://evil.example'), { code: 'issuer_mismatch' })
      same(await count('authorizationServer', { method: 'POST', path: '/token' }), 0, 'token requests')
      await finishAuthorization(callback, pending)
    },
  },
  {
    name: 'goes on without the person, by refresh tokens that are each good once (RFC 6749 §6)',
    async run({ open, agree }) {
      const place = await open()
      const { apiUrl } = place
      const clock = handClock(Date.now())
      let asked = 0
      await using auth = await AuthorizationCodeAuth.fromResource({
        resourceUrl: apiUrl,
        ...cli,
        redirectUri,
        clock,
        authorize: (url) => {
          asked += 1
          return agree(url)
        },
      })
      const tokens = [await auth.getToken()]
      for (let round = 0; round < 3; round += 1) {
        clock.pass(hourMs)
        tokens.push(await auth.getToken())
      }
      same(asked, 1, 'how often somebody was asked')
      same(new Set(tokens.map(({ refreshToken }) => refreshToken)).size, 4, 'different refresh tokens')
      same(await grantsOf(place), ['authorization_code', 'refresh_token', 'refresh_token', 'refresh_token'])
      // A resource has its own clock, and this token is good there.
      same((await auth.fetch(apiUrl)).status, 200, 'status')
    },
  },
  {
    name: 'asks nobody from within `fetch`, and once for all who wait',
    async run({ open, agree }) {
      const { apiUrl } = await open()
      let asked = 0
      await using auth = await AuthorizationCodeAuth.fromResource({
        resourceUrl: apiUrl,
        ...cli,
        redirectUri,
        authorize: (url) => {
          asked += 1
          return agree(url)
        },
      })
      await refused(auth.fetch(apiUrl), { code: 'interaction_required', recovery: 'interaction' })
      same(asked, 0, 'how often somebody was asked')
      await Promise.all(Array.from({ length: 20 }, () => auth.getToken()))
      same(asked, 1, 'how often somebody was asked')
    },
  },
  {
    name: 'registers by itself, and remembers that (RFC 7591)',
    async run({ open, agree }) {
      const { apiUrl, count } = await open({ registers: true })
      const store = memoryStore()
      const signIn = async () => {
        await using auth = await AuthorizationCodeAuth.fromResource({
          resourceUrl: apiUrl,
          registration: [dynamicRegistration({ client_name: 'Matrix' }, { store })],
          redirectUri: 'https://app.example/callback',
          authorize: agree,
        })
        await auth.getToken()
        return (await auth.fetch(apiUrl)).status
      }
      same([await signIn(), await signIn()], [200, 200], 'statuses')
      same(await count('authorizationServer', { method: 'POST', path: '/reg' }), 1, 'registrations')
    },
  },
  {
    name: 'revokes the token of who signs out (RFC 7009)',
    async run({ open, agree }) {
      const { apiUrl, count } = await open()
      const options = { resourceUrl: apiUrl, ...cli, redirectUri, authorize: agree }
      await using auth = await AuthorizationCodeAuth.fromResource(options)
      await auth.getToken()
      same(await auth.signOut(), true, 'whether it is revoked')
      same(await count('authorizationServer', { method: 'POST', path: '/token/revocation', status: 200 }), 1)
      await refused(auth.fetch(apiUrl), { code: 'interaction_required' })
    },
  },
]

async function start(resource: string, clientId: string) {
  const { authorizationServerMetadata: serverMetadata } = await discoverAuthorizationServer(resource)
  return startAuthorization({ serverMetadata, clientId, redirectUri, scope: 'api:read', resource })
}

async function grantsOf({ arrivals }: Place): Promise<(string | null)[]> {
  const requests = (await arrivals('authorizationServer')).filter(({ path }) => path === '/token')
  return requests.map(({ body }) => new URLSearchParams(body).get('grant_type'))
}
