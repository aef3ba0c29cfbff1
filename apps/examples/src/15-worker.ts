import { type Auth, ClientCredentialsAuth } from '@x/oauth-grants'

interface Env {
  readonly API_URL: string
  readonly CLIENT_ID: string
  readonly CLIENT_SECRET: string
}

/** One for all requests that this instance of the Worker serves: they share its token. */
let auth: Auth | undefined

/** A Worker, whole and as it is deployed; stage/worker-run.ts bundles it, and runs it in workerd. */
export default {
  async fetch(_: Request, env: Env): Promise<Response> {
    // What a Worker knows comes with each request, and so does all that it may do: the first one makes the object.
    auth ??= new ClientCredentialsAuth({
      resourceUrl: env.API_URL,
      clientId: env.CLIENT_ID,
      clientSecret: env.CLIENT_SECRET,
    })
    const answer = await auth.fetch(env.API_URL)
    return new Response(answer.body, answer) // as it comes, whatever its length
  },
}
