import { DeviceCodeAuth } from '@x/oauth-grants'
import { terminalPrompt } from '@x/oauth-grants/node'
import { bodyOf, tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'

/** A program in a terminal, and a person who signs in on their phone. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  await using auth = await DeviceCodeAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    prompt: show, // terminalPrompt(), or a function of yours
    ...options,
  })
  await auth.getToken() // shows an address and a code, and waits for the person
  const response = await auth.fetch(url)

  stage.report({ token: tokenFacts(await auth.getToken()), answer: await bodyOf(response) })
  const polls = stage.exchanges.filter(({ asked }) => asked === 'device_code')
  stage.claim('the API answered', response.ok)
  const times = polls.length === 1 ? 'once' : `${polls.length} times`
  stage.claim(`by a token that came after asking ${times}`, polls.at(-1)?.status === 200)

  /** As it stands in a terminal; and where nobody is there to do it, it is done here. */
  async function show(verification: Parameters<ReturnType<typeof terminalPrompt>>[0]): Promise<void> {
    terminalPrompt({ output: { write: (text) => stage.print(text.trimEnd()) } })(verification)
    if (stage.isEmbedded) await stage.person(verification.verificationUriComplete ?? '')
  }
}
