import { readFile } from 'node:fs/promises'
import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import type { Exchange } from './stage/timeline.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** From a protected URL to a tool call, to a second one, and to one whose token is refused. */
async function tellStory({ url, clientId, clientSecret, options, refuse, tool }: Stage) {
  // What stands between these marks is printed as it stands. <story>
  const auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    ...options,
  })
  await using client = await MCPClient.connect(url, { auth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, tool) }
  const first = await client.callTool(call)
  const second = await client.callTool(call) // with the same token
  await refuse(auth) //                         which is good no longer from here on,
  const third = await client.callTool(call) //  so that the client gets another for it
  // </story>
  return { token: await auth.getToken(), tools, answers: [first, second, third] as const }
}

export async function run(stage: Stage): Promise<void> {
  stage.print(`\nThe program\n\n${await readStory()}`)

  const { token, tools, answers } = await tellStory(stage)

  stage.report({
    discovery: `${token.resource} takes tokens of ${token.issuer}`,
    token: tokenFacts(token),
    tools: tools.map(({ name }) => name).join(', '),
    answer: textOf(answers[0]),
  })
  const [first, second, third] = tokenRequestsPerCall(stage.exchanges)
  stage.claim('one token request before the first call was answered', first === 1)
  stage.claim('none for the second call', second === 0)
  stage.claim('one when that token was good no longer, and the third call was answered as well', third === 1)
  const isGood = answers.every(({ isError }) => isError !== true)
  stage.claim('no tool failed', isGood)
}

/** How many token requests preceded each call that was answered, since the one before it. */
function tokenRequestsPerCall(exchanges: readonly Exchange[]): number[] {
  const counts: number[] = []
  let since = 0
  for (const { asked, status } of exchanges) {
    if (asked === 'client_credentials') since += 1
    if (!asked.startsWith('tools/call') || status !== 200) continue
    counts.push(since)
    since = 0
  }
  return counts
}

/** The lines between the marks in this very file: what is shown is what runs. */
async function readStory(): Promise<string> {
  const source = await readFile(new URL(import.meta.url), 'utf8')
  return /<story>\n(.*)\n[^\n]*<\/story>/s.exec(source)?.[1] ?? ''
}
