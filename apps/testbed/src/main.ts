// The program of spawnTestbed: its argument is the options, its one line of output the addresses.
import { startApi } from './api.ts'
import { startAuthorizationServer } from './authorization-server.ts'
import { startMcpServer } from './mcp-server.ts'
import type { Addresses, SpawnOptions } from './testbed-process.ts'

// Standard input closes when the parent is gone, however it went.
for (const end of ['end', 'close']) process.stdin.once(end, () => process.exit())
process.stdin.resume()

console.log(JSON.stringify(await start(JSON.parse(process.argv[2] ?? '{}'))))

async function start({ part = 'all', issuer, accessTokenSeconds = 3600 }: SpawnOptions): Promise<Addresses> {
  const isAlone = part === 'resource-servers' && issuer !== undefined
  const trusted = isAlone ? issuer : (await startAuthorizationServer({ accessTokenSeconds })).issuer
  if (part === 'authorization-server') return { issuer: trusted, mcpUrl: '', apiUrl: '' }
  const [mcp, api] = await Promise.all([startMcpServer({ issuer: trusted }), startApi({ issuer: trusted })])
  return { issuer: trusted, mcpUrl: mcp.url, apiUrl: api.url }
}
