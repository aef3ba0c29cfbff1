import { readFile } from 'node:fs/promises'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { tellStory } from './story.ts'
import { createTimeline, type Exchange } from './timeline.ts'
import { textOf } from './tool.ts'

export async function runWholeWay(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'worker' })
  printHeading(print, 'The program')
  print(await readStory())
  printHeading(print, 'What goes over the wire')
  const timeline = createTimeline(print)

  const { token, tools, answers } = await tellStory(servers, timeline.fetch)

  printHeading(print, 'What came out')
  printFacts(print, {
    discovery: `${token.resource} takes tokens of ${token.issuer}`,
    token: tokenFacts(token),
    tools: tools.map(({ name }) => name).join(', '),
    answer: answers[0] === undefined ? '' : textOf(answers[0]),
  })
  print('')
  const [first, second, third] = tokenRequestsPerCall(timeline.exchanges)
  claim(print, 'one token request before the first call was answered', first === 1)
  claim(print, 'none for the second call', second === 0)
  claim(print, 'one when that token was good no longer, and the third call was answered as well', third === 1)
  claim(
    print,
    'no tool failed',
    answers.every(({ isError }) => isError !== true),
  )
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

/** The lines between the marks in the story's own source: what is shown is what runs. */
async function readStory(): Promise<string> {
  const source = await readFile(new URL('./story.ts', import.meta.url), 'utf8')
  return /<story>\n(.*)\n[^\n]*<\/story>/s.exec(source)?.[1] ?? ''
}
