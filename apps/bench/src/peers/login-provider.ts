import type {
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import type { Login, Place } from '../place.ts'

/** A provider as the documentation has hosts write it, in memory: with discovery kept, and credentials let go when told so. */
export class LoginProvider implements OAuthClientProvider {
  readonly #place: Place
  #tokens: StoredOAuthTokens | undefined
  #discovery: OAuthDiscoveryState | undefined
  readonly redirectUrl = 'http://127.0.0.1/callback'
  constructor(place: Place, { accessToken, refreshToken, expiresIn }: Login) {
    this.#place = place
    this.#tokens = {
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: expiresIn,
      token_type: 'Bearer',
      issuer: place.issuer,
    }
  }
  get clientMetadata() {
    return { client_name: 'bench', redirect_uris: [this.redirectUrl] }
  }
  clientInformation() {
    const { clientId: client_id, clientSecret: client_secret, issuer } = this.#place
    return { client_id, client_secret, issuer }
  }
  tokens() {
    return this.#tokens
  }
  saveTokens(tokens: StoredOAuthTokens) {
    this.#tokens = tokens
  }
  redirectToAuthorization() {}
  saveCodeVerifier() {}
  codeVerifier() {
    return ''
  }
  invalidateCredentials(scope: string) {
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined
    if (scope === 'all' || scope === 'discovery') this.#discovery = undefined
  }
  discoveryState() {
    return this.#discovery
  }
  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#discovery = state
  }
}
