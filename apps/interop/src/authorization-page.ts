import type { AuthRequest, OAuthHelpers } from '@cloudflare/workers-oauth-provider'
import type { Library } from './cloudflare-library.ts'
import type { KeyValueStore } from './key-value-store.ts'

/** What the user says, whatever is asked. */
export type Answer = 'approve' | 'deny'

export interface Environment {
  readonly OAUTH_KV: KeyValueStore
  /** Put here by the library, before it calls a handler. */
  OAUTH_PROVIDER?: OAuthHelpers
}

/** Stands in for the page where somebody signs in and consents: it sends the browser back at once. */
export function authorizationPage(library: Library, answer: Answer) {
  return async (request: Request, { OAUTH_PROVIDER: helpers }: Environment): Promise<Response> => {
    if (helpers === undefined || new URL(request.url).pathname !== '/authorize') {
      return new Response(null, { status: 404 })
    }
    try {
      const asked = await helpers.parseAuthRequest(request)
      const denied = () => library.authorizationErrorRedirect(asked, 'access_denied')
      return Response.redirect(answer === 'deny' ? denied() : await complete(helpers, asked))
    } catch (error) {
      if (!(error instanceof library.AuthorizationError)) throw error
      // Where no address is known to be the client's, it is the user who is told.
      if (error.redirectTo === undefined) return new Response(error.description, { status: 400 })
      return Response.redirect(error.redirectTo)
    }
  }
}

async function complete(helpers: OAuthHelpers, request: AuthRequest): Promise<string> {
  const { redirectTo } = await helpers.completeAuthorization({
    request,
    userId: 'the-user',
    scope: request.scope,
    metadata: undefined,
    props: {},
  })
  return redirectTo
}
