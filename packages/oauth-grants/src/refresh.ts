/**
 * A new token without a new consent: RFC 6749 §6.
 *
 * @module
 */
import { isOAuthError } from '@x/oauth-discovery'
import type { Grant, GrantOptions, GrantRequest } from './auth.ts'
import { TokenError } from './errors.ts'
import { isAskedFor, scopeTokens } from './scope.ts'
import type { Token } from './token.ts'
import type { Asked } from './token-response.ts'

/**
 * A grant that tries the refresh token first, where there is one.
 *
 * Where more scope is wanted it is left alone: it cannot give any (RFC 6749 §6).
 *
 * @param handedIn the refresh token of an earlier authorization, which was asked for the scope of the options
 */
export function withRefresh<O extends GrantOptions>(grant: Grant<O>, handedIn: string | undefined): Grant<O> {
  let given = handedIn
  const refreshOr = async (options: O, request: GrantRequest): Promise<Token> => {
    const { serverMetadata, scope } = options
    // What another server gave is shown to nobody.
    const previous = request.previous?.issuer === serverMetadata.issuer ? request.previous : undefined
    const refreshToken = previous?.refreshToken ?? given
    const requested = scopeTokens(scope)
    const known = previous ?? { scope: requested, requestedScope: requested }
    const isWider = !isAskedFor(known, scopeTokens(request.scope))
    if (refreshToken === undefined || isWider) return grant(options, request)
    try {
      const asked = { previous: { ...known, refreshToken, idToken: previous?.idToken } }
      const token = await refresh(asked, options, { ...request, previous })
      // It is in the token now, or used up.
      given = undefined
      return token
    } catch (error) {
      // The second is GitHub's word for the first.
      const isBad =
        error instanceof TokenError && /^(?:invalid_grant|bad_refresh_token)$/.test(`${error.error}`)
      if (!isBad) throw error
      // "The refresh token is invalid" may mean that another process has used it: then it has put a new one in the store.
      const newer = await request.latest()
      if (newer !== undefined) return newer
      if (refreshToken === given) given = undefined
      await request.forget()
      return refreshOr(options, { ...request, previous: undefined })
    }
  }
  return refreshOr
}

async function refresh(
  asked: Required<Pick<Asked, 'previous'>>,
  { resource }: GrantOptions,
  { endpoint, signal, previous, latest, why }: GrantRequest,
): Promise<Token> {
  const form = {
    grant_type: 'refresh_token',
    refresh_token: asked.previous?.refreshToken,
    resource: previous?.resource ?? resource,
  }
  signal.throwIfAborted()
  // From here on it is not called off: the server may have put another refresh token in the place of this one.
  const send = () => endpoint(form, undefined, asked)
  try {
    return await send()
  } catch (error) {
    // The answer may have been lost on its way: whether the server has acted nobody knows.
    if (!isOAuthError(error, 'unreachable')) throw error
    const newer = await latest()
    if (newer !== undefined) return newer
    // The token in hand is good meanwhile: nothing has to be risked.
    if (why === 'early') throw error
    return send()
  }
}
