/**
 * A session whose token a person may have to help with: one sign-in for all who wait for it.
 *
 * @module
 */
import { type Challenge, isOAuthError } from '@x/oauth-discovery'
import { untilAborted } from '@x/oauth-discovery/http'
import { demandedScope, isAskedFor } from './scope.ts'
import type { GetTokenOptions, TokenSession, TokenSource } from './session.ts'
import type { Token } from './token.ts'

/** A sign-in under way, and how many wait for it. */
interface Login {
  readonly token: Promise<Token>
  readonly callOff: AbortController
  waiting: number
}

export class LoginSession implements TokenSource {
  readonly #session: TokenSession
  #login: Login | undefined

  constructor(session: TokenSession) {
    this.#session = session
  }

  /** Asks a person only where the session could not help itself, and the caller lets it. */
  async getToken(options: GetTokenOptions = {}): Promise<Token> {
    const { signal, challenge, interactive = true } = options
    try {
      return await this.#session.getToken(options)
    } catch (error) {
      if (!interactive || !isOAuthError(error) || error.recovery !== 'interaction') throw error
    }
    // A sign-in of others may have ended while this was found out.
    const held = this.#session.held(challenge)
    if (held !== undefined) return held
    const hasJoined = this.#login !== undefined
    const token = await this.#join(challenge, signal)
    // What others signed in for may not be what this resource demands.
    return hasJoined && !isAskedFor(token, demandedScope(challenge)) ? this.getToken(options) : token
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #join(challenge: Challenge | undefined, signal: AbortSignal | null | undefined): Promise<Token> {
    this.#login ??= this.#start(challenge)
    const login = this.#login
    let isOver = false
    login.waiting += 1
    try {
      return await untilAborted(
        login.token.finally(() => {
          isOver = true
        }),
        signal,
      )
    } finally {
      login.waiting -= 1
      if (login.waiting === 0) {
        // Whoever comes next starts another one.
        if (this.#login === login) this.#login = undefined
        if (!isOver) login.callOff.abort(signal?.reason)
      }
    }
  }

  #start(challenge: Challenge | undefined): Login {
    const callOff = new AbortController()
    return { token: this.#session.logIn(challenge, callOff.signal), callOff, waiting: 0 }
  }
}
