/**
 * A secret that the caller has, or can get.
 *
 * @module
 */
import { untilAborted } from '@x/oauth-discovery/http'
import { AuthConfigError } from './errors.ts'
import type { GetTokenOptions, TokenSource } from './session.ts'

/** A text, a function that gives one each time it is asked, or another auth object, whose access token it is. */
export type Credential = string | (() => string | Promise<string>) | TokenSource

export interface Revealed {
  readonly text: string
  /** Who issued it, where that is known. */
  readonly issuer?: string | undefined
}

/** @throws {AuthConfigError} `invalid_token`: there is none; or what the caller's own code throws */
export async function reveal(
  credential: Credential,
  what: string,
  { signal, interactive }: GetTokenOptions,
): Promise<Revealed> {
  const revealed = await untilAborted(read(credential, { signal, interactive }), signal)
  if (typeof revealed.text === 'string' && revealed.text !== '') return revealed
  throw new AuthConfigError('invalid_token', `The option ${what} is empty: check where it was read from.`)
}

async function read(credential: Credential, asked: GetTokenOptions): Promise<Revealed> {
  if (typeof credential === 'string') return { text: credential }
  if (typeof credential === 'function') return { text: await credential() }
  const { accessToken, issuer } = await credential.getToken(asked)
  return { text: accessToken, issuer: issuer === '' ? undefined : issuer }
}
