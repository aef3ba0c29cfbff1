import { type Auth, ClientCredentialsAuth } from '@x/oauth-grants'

interface Env {
  readonly API_URL: string
  readonly CLIENT_ID: string
  readonly CLIENT_SECRET: string
}

let auth: Auth | undefined

/** As it is deployed. What a Worker knows is in `env`, so that the auth object is made with the first request. */
export default {
  async fetch(_: Request, env: Env): Promise<Response> {
    auth ??= new ClientCredentialsAuth({
      resourceUrl: env.API_URL,
      clientId: env.CLIENT_ID,
      clientSecret: env.CLIENT_SECRET,
    })
    const answer = await auth.fetch(env.API_URL)
    return new Response(answer.body, answer)
  },
}
