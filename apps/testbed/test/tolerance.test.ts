import { expect, it, vi } from 'vitest'
import { startApi, startAuthorizationServer } from '../src/index.ts'
import { bearer, clientCredentials } from './requests.ts'

it('takes a token for as long after its end as it was told to, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1) })
  await using server = await startAuthorizationServer({ accessTokenSeconds: 60 })
  await using strict = await startApi({ issuer: server.issuer })
  await using lenient = await startApi({ issuer: server.issuer, clockToleranceSeconds: 1 })
  const ask = async ({ url }: typeof strict, secondsLater: number): Promise<number> => {
    vi.setSystemTime(Date.UTC(2026, 0, 1))
    const token = await clientCredentials(server.tokenEndpoint, url, 'api:read')
    vi.setSystemTime(Date.UTC(2026, 0, 1) + secondsLater * 1000)
    return (await fetch(url, { headers: bearer(token) })).status
  }

  const statuses = [
    await ask(strict, 59),
    await ask(strict, 60),
    await ask(lenient, 60),
    await ask(lenient, 61),
  ]
  vi.useRealTimers()

  expect(statuses).toEqual([200, 401, 200, 401])
})
