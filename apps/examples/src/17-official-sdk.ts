import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createTransport } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A program that is there already, on the official SDK; it gets its tokens by another transport. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  /** The program as it was: it knows nothing of tokens, and none of it has to change. */
  const work = async (transport: StreamableHTTPClientTransport) => {
    const client = new Client(
      { name: 'my-agent', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' } },
    )
    try {
      await client.connect(transport)
      const { tools } = await client.listTools()
      return await client.callTool({ name: chooseTool(tools, stage.tool) })
    } finally {
      await client.close()
    }
  }

  const before = new StreamableHTTPClientTransport(new URL(url), { fetch: options.fetch })
  const refusal: unknown = await work(before).catch((error: unknown) => error)
  const isRefused = refusal instanceof Error && stage.exchanges.at(-1)?.status === 401

  // These two lines are the ones that are new.
  const auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    ...options,
  })
  const first = await work(createTransport(url, { auth }))

  await stage.refuse(auth)
  const second = await work(createTransport(url, { auth }))

  stage.report({
    before: refusal instanceof Error ? `refused: ${refusal.name}` : 'let in',
    token: tokenFacts(await auth.getToken()),
    answer: textOf(first),
  })
  stage.claim('the program was refused without a token', isRefused)
  stage.claim('the same program was answered with one', !first.isError)
  stage.claim('and once more when that one was refused', !second.isError)
}
