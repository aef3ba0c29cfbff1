import type Provider from 'oidc-provider'
import type { AccessToken, TokenEndpointGrantContext } from 'oidc-provider'
import { checkDpopReplay, validateDpop } from 'oidc-provider/lib/helpers/grants.js'

/** Binds a token to the key of the request's proof; where it brought none, to nothing. */
export type Bind = (token: AccessToken) => void

/**
 * Looks at the proof of a request (RFC 9449 §5). Called before anything else, so that a request that lacks a nonce has
 * used up nothing.
 */
export async function readBinding(provider: Provider, context: TokenEndpointGrantContext): Promise<Bind> {
  const proof = await validateDpop(provider, context)
  if (!proof) return () => {}
  await checkDpopReplay(provider, context, proof, context.oidc.client?.clientId ?? '')
  return (token) => token.setThumbprint('jkt', proof.thumbprint)
}
