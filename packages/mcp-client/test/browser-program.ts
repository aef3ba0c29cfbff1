// Bundled and run in a real browser by browser.test.ts, which puts the two addresses into the page.
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { MCPClient } from '../src/index.ts'

const { mcpUrl, clientId, clientSecret } = JSON.parse(document.title)

const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: mcpUrl, clientId, clientSecret })
const client = await MCPClient.connect(mcpUrl, { auth })
const { tools } = await client.listTools()
const answer = await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })
await client.close()

document.body.textContent = JSON.stringify({ tools: tools.map(({ name }) => name), answer: answer.content })
