import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createTransport } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** A program that is there already, on the official SDK; it gets its tokens by another transport. */
export async function runOfficialSdk(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'worker' })
  const { url, expectedIssuer, client: me } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)

  /** The program as it was: it knows nothing of tokens, and none of it has to change. */
  const work = async (transport: StreamableHTTPClientTransport) => {
    const client = new Client(
      { name: 'my-agent', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' } },
    )
    try {
      await client.connect(transport)
      const { tools } = await client.listTools()
      const name = chooseTool(tools, servers.tool)
      return { name, answer: await client.callTool({ name }) }
    } finally {
      await client.close()
    }
  }
  const before = new StreamableHTTPClientTransport(new URL(url), { fetch })
  const refusal: unknown = await work(before).catch((error: unknown) => error)
  const isRefused = refusal instanceof Error && exchanges.at(-1)?.status === 401

  const auth = await ClientCredentialsAuth.fromResource({ ...me, resourceUrl: url, expectedIssuer, fetch })
  const first = await work(createTransport(url, { auth })) // this line is the one that is new
  await servers.refuse(auth)
  const second = await work(createTransport(url, { auth }))

  printHeading(print, 'What came out')
  printFacts(print, {
    before: refusal instanceof Error ? `refused: ${refusal.name}` : 'let in',
    token: tokenFacts(await auth.getToken()),
    [first.name]: textOf(first.answer),
  })
  print('')
  claim(print, 'the program was refused without a token', isRefused)
  claim(print, 'the same program was answered with one', !first.answer.isError)
  claim(print, 'and once more when that one was refused', !second.answer.isError)
}
