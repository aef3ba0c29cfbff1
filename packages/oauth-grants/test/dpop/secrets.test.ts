import { format, inspect } from 'node:util'
import { exportJWK, generateKeyPair } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import { ClientCredentialsAuth, createToken, type GrantEvent, memoryStore } from '../../src/index.ts'
import { metadata, type Reply, tokenServer } from '../token-server.ts'
import { bound, wantsNonce } from './reading.ts'

afterEach(() => vi.restoreAllMocks())

/** Everything that a program, a logger or a bug report may make of a value. */
function shown(value: unknown): string {
  const error = value instanceof Error ? [value.message, String(value.stack), inspect(value.cause)] : []
  return [
    inspect(value, { depth: 10, showHidden: true }),
    format('%s %o %O %j', value, value, value, value),
    JSON.stringify(value),
    ...error,
  ].join('\n')
}

describe('the private key', () => {
  it('that is made here can be exported by nobody (DP-10, RFC 9449 §11.4)', async () => {
    const making = vi.spyOn(crypto.subtle, 'generateKey')

    await dpop()

    const made: unknown = await making.mock.results[0]?.value
    expect(made).toMatchObject({ privateKey: { type: 'private', extractable: false, usages: ['sign'] } })
    expect(making).toHaveBeenCalledOnce()
  })

  it.each<[string, Reply]>([
    ['that brings a token', bound],
    ['that is refused', wantsNonce('n1', 'invalid_client')],
    ['that is a downgrade', { ...bound, token_type: 'Bearer' }],
  ])('is in nothing that is told, kept or thrown of a request %s (DP-10)', async (_, reply) => {
    const keyPair = await generateKeyPair('ES256', { extractable: true })
    const { d = expect.unreachable('no private part') } = await exportJWK(keyPair.privateKey)
    const binding = await dpop({ keyPair })
    const events: GrantEvent[] = []
    const kept: string[] = []
    const store = memoryStore()
    const { fetch, arrivals } = tokenServer(reply)
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      binding,
      fetch,
      onEvent: (event) => events.push(event),
      store: {
        ...store,
        save: (key, value, options) => {
          kept.push(key, value)
          return store.save(key, value, options)
        },
      },
    })

    const outcome: unknown = await auth.getToken().catch((error: unknown) => error)

    const proof = arrivals[0]?.headers.get('dpop') ?? expect.unreachable('no proof was sent')
    const told = [binding, auth, outcome, events, kept, createToken({ accessToken: 't', binding })].map(shown)
    expect(told.join('\n')).not.toContain(d)
    expect(told.join('\n')).not.toContain(proof)
    expect(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString()).not.toContain(d)
  })
})

it('a binding shows the thumbprint, and a token that is bound does not show the binding (DP-10)', async () => {
  const binding = await dpop()
  const token = createToken({ accessToken: 'hunter2', binding })

  expect(JSON.parse(JSON.stringify(binding))).toEqual({ thumbprint: binding.thumbprint })
  expect(inspect(binding)).toMatch(/^\w+ \{\s+thumbprint: '[\w-]{43}'\s+\}$/)
  expect(JSON.parse(JSON.stringify(token))).not.toHaveProperty('binding')
  expect(inspect(token)).toContain("tokenType: 'DPoP'")
})
