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

/** A store, and all that was ever given to it. */
export interface WatchedStore {
  readonly store: TokenStore
  readonly kept: readonly string[]
}

export function watchedStore(): WatchedStore {
  const [store, kept] = [memoryStore(), [] as string[]]
  const save: TokenStore['save'] = (key, value, options) => {
    kept.push(value)
    return store.save(key, value, options)
  }
  return { store: { ...store, save }, kept }
}

/** What a JWT says, whoever signed it. */
export function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
}
