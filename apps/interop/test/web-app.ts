import { randomUUID } from 'node:crypto'
import { fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import { finishAuthorization, isOAuthError, startAuthorization } from '@x/oauth-grants'
import { type Testbed, testClients } from '@x/testbed'
import { listen } from '../src/listening.ts'
import { claimsOf } from './requests.ts'

/** What the app knows of one browser, by its cookie. */
interface Visitor {
  pending?: string | undefined
  user?: string
}

/** A web server at whose `/login` people sign in, each in a browser of their own; `/` says who they are. */
export function startWebApp({ authorizationServer, mcp }: Testbed) {
  return listen(async (origin) => {
    const serverMetadata = await fetchAuthorizationServerMetadata(authorizationServer.issuer)
    const { clientId, clientSecret } = testClients.app
    const visitors = new Map<string, Visitor>()

    async function login(visitor: Visitor): Promise<Response> {
      const { url, pending } = await startAuthorization({
        serverMetadata,
        clientId,
        redirectUri: `${origin}/callback`,
        resource: mcp.url,
        scope: 'mcp:tools',
      })
      visitor.pending = pending
      return redirect(url.href)
    }

    async function callback(visitor: Visitor, { url }: Request): Promise<Response> {
      const { pending } = visitor
      // It is good for one answer, whatever comes of it.
      visitor.pending = undefined
      if (pending === undefined) return say('Nobody began to sign in here.', 400)
      try {
        const { accessToken } = await finishAuthorization(url, pending, { clientSecret })
        // Short for a test: an access token is for the resource to read, and an app asks somebody who the user is.
        visitor.user = String(claimsOf(accessToken)['sub'])
        return redirect('/')
      } catch (error) {
        if (!isOAuthError(error)) throw error
        return say(`Not signed in: ${error.code}`, 400)
      }
    }

    async function home({ user }: Visitor): Promise<Response> {
      return say(user === undefined ? 'Nobody is signed in.' : `Hello, ${user}!`)
    }

    const routes: Record<string, typeof callback> = { '/login': login, '/callback': callback }

    async function handler(request: Request): Promise<Response> {
      const cookie = /visitor=([\w-]+)/.exec(request.headers.get('cookie') ?? '')?.[1] ?? randomUUID()
      const visitor: Visitor = visitors.get(cookie) ?? {}
      visitors.set(cookie, visitor)
      const { pathname } = new URL(request.url)
      const answer = await (routes[pathname] ?? home)(visitor, request)
      answer.headers.append('set-cookie', `visitor=${cookie}; HttpOnly; SameSite=Lax; Path=/`)
      return answer
    }

    return { handler, facts: {} }
  })
}

function redirect(location: string): Response {
  return new Response(null, { status: 302, headers: { location } })
}

function say(text: string, status = 200): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain' } })
}
