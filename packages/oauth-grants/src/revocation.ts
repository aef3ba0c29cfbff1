/**
 * Telling the server that a token is no longer needed: RFC 7009.
 *
 * @module
 */
import { createEmit } from '@x/oauth-discovery/http'
import type { GrantOptions } from './auth.ts'
import type { Token } from './token.ts'
import { createPost, type EndpointOptions } from './token-endpoint.ts'

/** Whoever signs out does not want to wait for a server that is gone. */
const deadlineMs = 3_000

/**
 * Revokes the refresh token, with which the server ends what it gave on top of it, else the access token.
 *
 * @returns whether the server said that it did; false where it has no endpoint for it
 * @throws {TokenError} it did not, or could not be reached
 * @see https://www.rfc-editor.org/rfc/rfc7009#section-2
 */
export async function revoke(
  { accessToken, refreshToken, issuer }: Pick<Token, 'accessToken' | 'refreshToken' | 'issuer'>,
  { serverMetadata, timeoutMs = deadlineMs }: GrantOptions,
  endpoint: EndpointOptions,
  signal: AbortSignal | null | undefined,
): Promise<boolean> {
  const url = serverMetadata.revocation_endpoint
  // It is shown to nobody but the server that it came from.
  if (url === undefined || !URL.canParse(url) || issuer !== serverMetadata.issuer) return false
  const form =
    refreshToken === undefined
      ? { token: accessToken, token_type_hint: 'access_token' }
      : { token: refreshToken, token_type_hint: 'refresh_token' }
  const post = createPost({ ...endpoint, timeoutMs: Math.min(timeoutMs, deadlineMs) }, createEmit(endpoint))
  const { answer, refusal } = await post('revocation request', url, form, signal ?? undefined)
  // "Invalid tokens do not cause an error response": 200 is the end of it, whatever the body says (§2.2).
  if (answer.status !== 200) throw refusal()
  return true
}
