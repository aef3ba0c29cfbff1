import { createCipheriv, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { encrypted, memoryStore, type TokenStore } from '../src/index.ts'
import { withoutLeases } from './without-leases.ts'

const newKey = () => crypto.getRandomValues(new Uint8Array(32))
const newCryptoKey = (name: string, length: number, usages: KeyUsage[]) =>
  crypto.subtle.generateKey({ name, length }, false, usages)
const none = { expect: undefined }
const unreadable = { name: 'StoreError', code: 'store_unreadable', recovery: 'terminal' }

describe('an encrypted store', () => {
  it('shows nothing of a value to whoever has the store, and the same value never looks the same', async () => {
    const store = memoryStore()
    const sealed = encrypted(store, newKey())

    await sealed.save('a', 'hunter2', none)
    await sealed.save('b', 'hunter2', none)

    const [one, other] = await Promise.all(['a', 'b'].map(async (name) => (await store.load(name))?.value))
    expect(one).not.toContain('hunter2')
    expect(atob(one?.slice(2) ?? '')).not.toContain('hunter2')
    expect(one).not.toBe(other)
  })

  it('is read by whoever has the key, in bytes or of WebCrypto', async () => {
    const [store, bytes] = [memoryStore(), newKey()]
    const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])

    await encrypted(store, bytes).save('a', 'hunter2', none)

    await expect(encrypted(store, key).load('a')).resolves.toMatchObject({ value: 'hunter2' })
  })

  it('is read as others may write it: an IV of 96 bits, what is sealed, and its tag (NIST SP 800-38D §8.2)', async () => {
    const [store, key, iv] = [memoryStore(), newKey(), randomBytes(12)]
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('name ä'))
    const sealed = Buffer.concat([iv, cipher.update('hunter2'), cipher.final(), cipher.getAuthTag()])
    await store.save('name ä', `1.${sealed.toString('base64')}`, none)

    await expect(encrypted(store, key).load('name ä')).resolves.toMatchObject({ value: 'hunter2' })
  })

  it('is read by an earlier key, and written by the first', async () => {
    const [store, old, key] = [memoryStore(), newKey(), newKey()]
    const expect1 = await encrypted(store, old).save('a', 'one', none)
    const both = encrypted(store, [key, old])

    await expect(both.load('a')).resolves.toMatchObject({ value: 'one' })
    await both.save('a', 'two', { expect: expect1 })

    await expect(encrypted(store, key).load('a')).resolves.toMatchObject({ value: 'two' })
    await expect(encrypted(store, old).load('a')).rejects.toMatchObject(unreadable)
  })

  it('of the caller may change: the copy that was made of the key is what is used', async () => {
    const [store, bytes] = [memoryStore(), newKey()]
    const sealed = encrypted(store, bytes)
    const copy = bytes.slice()

    bytes.fill(0)
    await sealed.save('a', 'one', none)

    await expect(encrypted(store, copy).load('a')).resolves.toMatchObject({ value: 'one' })
  })

  it('has leases exactly if the store has, and calls it as an object of its class', async () => {
    class Own {
      readonly #inner = memoryStore()
      load(...given: Parameters<TokenStore['load']>) {
        return this.#inner.load(...given)
      }
      save(...given: Parameters<TokenStore['save']>) {
        return this.#inner.save(...given)
      }
      clear(...given: Parameters<TokenStore['clear']>) {
        return this.#inner.clear(...given)
      }
      async lease(key: string, ms: number, now: number) {
        return this.#inner.lease?.(key, ms, now)
      }
    }

    await expect(encrypted(new Own(), newKey()).lease?.('a', 1, 0)).resolves.toMatchObject({ fence: 1 })
    expect(encrypted(withoutLeases(memoryStore()), newKey())).not.toHaveProperty('lease')
  })
})

describe('a value', () => {
  async function sealed() {
    const [store, key] = [memoryStore(), newKey()]
    const revision = await encrypted(store, key).save('a', 'hunter2', none)
    const { value = '' } = (await store.load('a')) ?? {}
    return { store, key, revision, value }
  }

  it.each<[string, (value: string) => string]>([
    ['of which a byte was changed', (value) => `${value.slice(0, -6)}AAAA${value.slice(-2)}`],
    ['of which a part is gone', (value) => value.slice(0, 20)],
    ['that is not encrypted', () => 'hunter2'],
    ['of a later version', (value) => value.replace('1.', '2.')],
    ['that is nothing', () => ''],
  ])('%s is refused, clearly, and left as it is', async (_, change) => {
    const { store, key, revision, value } = await sealed()
    await store.save('a', change(value), { expect: revision })

    const error: unknown = await encrypted(store, key)
      .load('a')
      .catch((caught: unknown) => caught)

    expect(error).toMatchObject(unreadable)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter')
    await expect(store.load('a')).resolves.toMatchObject({ value: change(value) })
  })

  it('is refused under another name: nobody can give one user the login of another', async () => {
    const { store, key, value } = await sealed()
    await store.save('b', value, none)

    await expect(encrypted(store, key).load('b')).rejects.toMatchObject(unreadable)
  })

  it('is forgotten without the key', async () => {
    const { store, revision } = await sealed()

    await expect(encrypted(store, newKey()).clear('a', { expect: revision })).resolves.toBe(true)
  })
})

it.each<[string, () => unknown]>([
  ['too short', () => new Uint8Array(16)],
  ['a text', () => 'x'.repeat(32)],
  ['nothing', () => undefined],
  ['no key at all', () => []],
  [
    'for something else',
    () => crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']),
  ],
  ['of 128 bits', () => newCryptoKey('AES-GCM', 128, ['encrypt', 'decrypt'])],
  ['for another mode of AES', () => newCryptoKey('AES-CBC', 256, ['encrypt', 'decrypt'])],
  ['good to encrypt only', () => newCryptoKey('AES-GCM', 256, ['encrypt'])],
  ['good to decrypt only', () => newCryptoKey('AES-GCM', 256, ['decrypt'])],
])('refuses a key that is %s, at once', async (_, make) => {
  const key = (await make()) as CryptoKey

  expect(() => encrypted(memoryStore(), key)).toThrow(
    expect.objectContaining({
      code: 'invalid_key',
      message:
        'The key of encrypted cannot be used: it has to be 32 random bytes, or a CryptoKey of AES-GCM with 256 bits, for encrypt and decrypt.',
    }),
  )
})
