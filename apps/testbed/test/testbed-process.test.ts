import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { spawnTestbed } from '../src/index.ts'
import { callTool, clientCredentials } from './requests.ts'

it('is gone when it was killed', async () => {
  const testbed = await spawnTestbed()
  const { issuer, mcpUrl, pid } = testbed
  const token = await clientCredentials(`${issuer}/token`, mcpUrl, 'mcp:tools')
  expect((await callTool(mcpUrl, token, 'whoami')).status).toBe(200)

  await testbed.kill()
  await testbed.kill()

  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await expect(fetch(mcpUrl)).rejects.toThrow('fetch failed')
})

it('runs in parts, and tokens stay good when their issuer is dead', async () => {
  await using server = await spawnTestbed({ part: 'authorization-server', accessTokenSeconds: 60 })
  const { issuer } = server
  await using resources = await spawnTestbed({ part: 'resource-servers', issuer })
  const token = await clientCredentials(`${issuer}/token`, resources.mcpUrl, 'mcp:tools')

  await server.kill()

  expect(server).toMatchObject({ mcpUrl: '', apiUrl: '' })
  expect(resources.issuer).toBe(issuer)
  expect((await callTool(resources.mcpUrl, token, 'whoami')).status).toBe(200)
})

it('ends by itself when its standard input closes', async () => {
  const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [program, '{}'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(createInterface(child.stdout), 'line')

  child.stdin.end()

  expect(await once(child, 'exit')).toEqual([0, null])
})

it('wants to know whom resource servers alone trust', async () => {
  const attempt = spawnTestbed({ part: 'resource-servers' })

  await expect(attempt).rejects.toThrow('need an issuer')
})
