import { authorizedFetch, ClientCredentialsAuth, createToken } from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { bodyOf, tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'

/** A token that is bound to a key: whoever steals it has half of what it takes. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const binding = await dpop() // a new key, which cannot be taken out of this process
  await using auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    binding,
    ...options,
  })
  const response = await auth.fetch(url) // each request is signed with the key

  const token = await auth.getToken()
  const statuses: number[] = []
  const { accessToken } = token
  const stolen = createToken({ accessToken, binding: await dpop() })
  const thief = authorizedFetch(
    { getToken: async () => stolen },
    { origins: auth.origins, fetch: options.fetch },
  )
  const attempts = {
    'by the scheme Bearer, which needs no key': () =>
      options.fetch(url, { headers: { authorization: `Bearer ${accessToken}` } }),
    'without a signature': () => options.fetch(url, { headers: { authorization: `DPoP ${accessToken}` } }),
    'with the signature of another key': () => thief(url),
  }
  for (const [how, attempt] of Object.entries(attempts)) {
    stage.say(`a thief sends the token ${how}`)
    const { status, body } = await attempt()
    await body?.cancel()
    statuses.push(status)
  }
  stage.say('its owner goes on')
  const again = await auth.fetch(url)

  await again.body?.cancel()
  stage.report({
    token: tokenFacts(token),
    key: `${binding.thumbprint} (its thumbprint, which is public)`,
    answer: await bodyOf(response),
  })
  stage.claim('whoever has the token and the key is answered, before and afterwards', response.ok && again.ok)
  const areRefused = statuses.every((status) => status === 401)
  stage.claim('whoever has the token alone is not', areRefused)
}
