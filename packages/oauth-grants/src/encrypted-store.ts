/**
 * A store whose values nobody can read who has not the key.
 *
 * @module
 */
import { StoreError, unusable } from './errors.ts'
import type { TokenStore } from './store.ts'

/** 32 random bytes, or a key of WebCrypto for AES-GCM. */
export type EncryptionKey = Uint8Array<ArrayBuffer> | CryptoKey

/** Of the format: with another one it is a later version, or no value of ours. */
const prefix = '1.'
const ivBytes = 12

/**
 * Encrypts what is kept in a store (AES-256-GCM). A value is good under its own name only; the names, which hold issuer,
 * client id, scope and partition, are not encrypted.
 *
 * The key has to come from elsewhere than the store: a secret of the platform, a key chain. To change it, give the new one
 * and then the old ones: the first encrypts, each may decrypt, and what is written next is of the first.
 *
 * @throws {AuthConfigError} `invalid_key` at once: it is not of 256 bits. {StoreError} `store_unreadable` from `load`: the
 *   value was not encrypted by one of these keys, or not under this name; it is left as it is
 */
export function encrypted(
  store: TokenStore,
  key: EncryptionKey | readonly [EncryptionKey, ...EncryptionKey[]],
): TokenStore {
  const [first, ...others] = Array.isArray(key) ? key : [key]
  const keys: Keys = [importKey(first), ...others.map(importKey)]
  return {
    async load(name) {
      const stored = await store.load(name)
      return stored && { ...stored, value: await decrypt(stored, name, keys) }
    },
    async save(name, value, options) {
      return store.save(name, await encrypt(value, name, keys), options)
    },
    clear: (name, options) => store.clear(name, options),
    ...(store.lease && { lease: store.lease.bind(store) }),
  }
}

type Keys = readonly [Promise<CryptoKey>, ...Promise<CryptoKey>[]]

function importKey(key: EncryptionKey): Promise<CryptoKey> {
  const isKey = key instanceof CryptoKey
  const bits = isKey ? (key.algorithm as AesKeyAlgorithm).length : key?.byteLength * 8 // of other algorithms it has none
  const canBoth = !isKey || (key.usages.includes('encrypt') && key.usages.includes('decrypt'))
  if (bits !== 256 || (isKey && key.algorithm.name !== 'AES-GCM') || !canBoth) {
    throw unusable(
      'invalid_key',
      'key of encrypted',
      'it has to be 32 random bytes, or a CryptoKey of AES-GCM with 256 bits, for encrypt and decrypt',
    )
  }
  if (isKey) return Promise.resolve(key)
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

async function encrypt(value: string, name: string, [key]: Keys): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes))
  const sealed = await crypto.subtle.encrypt(sealing(iv, name), await key, bytesOf(value))
  const all = [...iv, ...new Uint8Array(sealed)]
  return prefix + btoa(all.map((byte) => String.fromCharCode(byte)).join(''))
}

async function decrypt(
  { value: text, revision }: { readonly value: string; readonly revision: string },
  name: string,
  keys: Keys,
): Promise<string> {
  for (const key of keys) {
    try {
      if (!text.startsWith(prefix)) break
      const all = Uint8Array.from(atob(text.slice(prefix.length)), (each) => each.charCodeAt(0))
      const [iv, sealed] = [all.slice(0, ivBytes), all.slice(ivBytes)]
      const value = await crypto.subtle.decrypt(sealing(iv, name), await key, sealed)
      return new TextDecoder().decode(value)
    } catch {
      // By another key, perhaps.
    }
  }
  const message =
    'What is in the store was encrypted by none of the keys that were given, or under another name, and was left as it is. Pass the key that it was encrypted with, or sign out and in again.'
  throw new StoreError('store_unreadable', message, { revision })
}

/** The name is sealed with the value: moved to another, it is of no use. */
function sealing(iv: Uint8Array<ArrayBuffer>, name: string): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: bytesOf(name) }
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
