import { authorizedFetch, ClientCredentialsAuth, createToken } from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'

/** A token that is bound to a key: whoever steals it has half of what it takes. */
export async function runDpop(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'api', as: 'worker' })
  const { url, expectedIssuer, client: me } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch } = createTimeline(print)

  const binding = await dpop() // a new key, which cannot be taken out of this process
  await using auth = await ClientCredentialsAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    binding,
  })
  const response = await auth.fetch(url) // each request is signed with the key

  const token = await auth.getToken()
  const { accessToken } = token
  const stolen = createToken({ accessToken, binding: await dpop() })
  const thief = authorizedFetch({ getToken: async () => stolen }, { origins: [new URL(url).origin], fetch })
  const attempts = {
    'by the scheme Bearer, which needs no key': () =>
      fetch(url, { headers: { authorization: `Bearer ${accessToken}` } }),
    'without a signature': () => fetch(url, { headers: { authorization: `DPoP ${accessToken}` } }),
    'with the signature of another key': () => thief(url),
  }
  const refusals: number[] = []
  for (const [how, attempt] of Object.entries(attempts)) {
    print(`       a thief sends the token ${how}`)
    const { status, body } = await attempt()
    await body?.cancel()
    refusals.push(status)
  }
  print('       its owner goes on')
  const again = await auth.fetch(url)

  await again.body?.cancel()
  printHeading(print, 'What came out')
  printFacts(print, {
    token: tokenFacts(token),
    key: `${binding.thumbprint} (its thumbprint, which is public)`,
    answer: (await response.text()).replaceAll(/\s+/g, ' ').slice(0, 200),
  })
  print('')
  claim(
    print,
    'whoever has the token and the key is answered, before and afterwards',
    response.ok && again.ok,
  )
  claim(
    print,
    'whoever has the token alone is not',
    refusals.every((status) => status === 401),
  )
}
