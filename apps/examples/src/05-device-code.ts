import { DeviceCodeAuth } from '@x/oauth-grants'
import { terminalPrompt } from '@x/oauth-grants/node'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'

/** A program in a terminal, and a person who signs in on their phone. */
export async function runDeviceCode(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'api', as: 'cli' })
  const { url, expectedIssuer, client: me, person } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)
  const prompt = terminalPrompt({ output: { write: (text) => print(text.trimEnd()) } })

  await using auth = await DeviceCodeAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    async prompt(verification) {
      prompt(verification)
      // Here nobody is there to do it.
      if (servers.isEmbedded) await person(verification.verificationUriComplete ?? '')
    },
  })
  await auth.getToken() // waits for the person
  const response = await auth.fetch(url)

  const body = await response.text()
  printHeading(print, 'What came out')
  printFacts(print, {
    token: tokenFacts(await auth.getToken()),
    answer: body.replaceAll(/\s+/g, ' ').slice(0, 200),
  })
  print('')
  const polls = exchanges.filter(({ asked }) => asked.endsWith(':device_code'))
  claim(print, 'the API answered', response.ok)
  claim(
    print,
    `by a token that came after asking ${polls.length === 1 ? 'once' : `${polls.length} times`}`,
    polls.at(-1)?.status === 200,
  )
}
