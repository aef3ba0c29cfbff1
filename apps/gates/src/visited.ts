/**
 * Runs a program that serves, as somebody in a browser sees it: whoever opens its first page signs in, and comes to what
 * is shown then. The program is asked to end after that.
 *
 * The arguments are those of Node. What is shown is written to the standard output.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { agree } from '@x/testbed/agree'

const port = await freePort()
const origin = `http://127.0.0.1:${port}`
const child = spawn(process.execPath, process.argv.slice(2), {
  env: { ...process.env, PORT: String(port), PUBLIC_URL: origin },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = once(child, 'exit')
try {
  const lines = once(createInterface(child.stdout), 'line')
  await Promise.race([lines, ended.then(() => Promise.reject(new Error('it ended before it served')))])
  console.log(await visit(origin))
} finally {
  child.kill('SIGTERM')
  const [code] = await ended
  // One that does not end by itself has left something open.
  process.exitCode ||= code ?? 1
}

/** Where it leads elsewhere, somebody agrees there, and comes back. */
async function visit(start: string): Promise<string> {
  let [url, cookie] = [start, '']
  for (let pages = 0; pages < 10; pages += 1) {
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie
    const location = response.headers.get('location')
    const text = await response.text()
    if (location === null && response.ok) return text
    if (location === null) throw new Error(`${url} answers ${response.status}: ${text}`)
    const next = new URL(location, url)
    url = next.origin === start ? next.href : await agree(next)
  }
  throw new Error(`${start} shows no page to whoever signs in`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
