/**
 * How it is told that a secret got out: each that these tests make up begins with the same word.
 *
 * @module
 */
import { inspect } from 'node:util'
import { memoryStore, type TokenStore } from '@x/oauth-grants'
import type { Arrival } from './world.ts'

/** All that is secret in requests, whoever they were for. */
export function secretsAmong(arrivals: readonly Arrival[]): string[] {
  const found = arrivals.flatMap(({ url, headers, body }) => {
    const pair = /^Basic (.*)/.exec(headers.authorization ?? '')?.[1] ?? ''
    const whole = [url, inspect(headers), body, Buffer.from(pair, 'base64').toString()].join('\n')
    return whole.match(/hush-[\w-]*|code_verifier=[^&]*/g) ?? []
  })
  return [...new Set(found)]
}

/** A store under watch. */
export interface WatchedStore {
  readonly store: TokenStore
  /** All that was ever given to it. */
  readonly kept: readonly string[]
  /** What is there now. */
  readonly held: () => Promise<string>
}

export function watchedStore(): WatchedStore {
  const [store, kept, keys] = [memoryStore(), [] as string[], new Set<string>()]
  const save: TokenStore['save'] = (key, value, options) => {
    kept.push(value)
    keys.add(key)
    return store.save(key, value, options)
  }
  const held = async () => {
    const entries = await Promise.all(Array.from(keys, (key) => store.load(key)))
    return entries.map((entry) => entry?.value).join('\n')
  }
  return { store: { ...store, save }, kept, held }
}

/** What a JWT says, whoever signed it. */
export function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
}
