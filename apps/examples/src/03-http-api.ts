import { ClientCredentialsAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'

/** An API that knows nothing of MCP: `auth.fetch` is `fetch`, with a token. */
export async function runHttpApi(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'api', as: 'worker' })
  const { url, expectedIssuer, client: me } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)

  await using auth = await ClientCredentialsAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
  })
  const response = await auth.fetch(url)
  const again = await auth.fetch(url)

  const body = await response.text()
  await again.body?.cancel()
  printHeading(print, 'What came out')
  printFacts(print, {
    token: tokenFacts(await auth.getToken()),
    answer: body.replaceAll(/\s+/g, ' ').slice(0, 200),
  })
  print('')
  claim(print, 'both calls were answered', response.ok && again.ok)
  const tokenRequests = exchanges.filter(({ asked }) => asked === 'client_credentials')
  claim(print, 'with one token', tokenRequests.length === 1)
  const elsewhere = await auth.fetch('https://elsewhere.example/').catch((error: unknown) => error)
  claim(print, 'which goes nowhere else', elsewhere instanceof Error && !exchanges.some(isElsewhere))
}

const isElsewhere = ({ target }: { target: string }) => target.startsWith('elsewhere.example')
