import { ClientCredentialsAuth } from '@x/oauth-grants'
import { bodyOf, tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'

/** An API that knows nothing of MCP: `auth.fetch` is `fetch`, with a token. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  await using auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    ...options,
  })

  const response = await auth.fetch(url)
  const again = await auth.fetch(url, { method: 'GET', headers: { accept: 'application/json' } })

  // The token goes to the origins that it is for. Elsewhere nothing is sent at all.
  const elsewhere: unknown = await auth.fetch('https://elsewhere.example/').catch((error: unknown) => error)

  await again.body?.cancel()
  stage.report({
    token: tokenFacts(await auth.getToken()),
    for: auth.origins.join(', '),
    answer: await bodyOf(response),
    elsewhere: elsewhere instanceof Error ? elsewhere.message : 'sent',
  })
  stage.claim('both calls were answered', response.ok && again.ok)
  stage.claim(
    'with one token',
    stage.exchanges.filter(({ asked }) => asked === 'client_credentials').length === 1,
  )
  const isSent = stage.sent.some((request) => request.url.startsWith('https://elsewhere.example'))
  stage.claim('which went nowhere else', elsewhere instanceof Error && !isSent)
}
