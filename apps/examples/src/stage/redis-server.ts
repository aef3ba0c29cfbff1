import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const places = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server']

/** `undefined` where no Redis is installed. */
export const redisPath: string | undefined = places.find((path) => existsSync(path))

/** A Redis of our own, which only this user can reach. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly pid: () => number
  /** At the same place again, with nothing in it. */
  start(): Promise<void>
  /** At once, as a machine does that loses its power. */
  stop(): Promise<void>
}

/** Listens on a socket in a new folder, and writes nothing there. */
export async function startRedis(): Promise<RedisServer> {
  if (redisPath === undefined) throw new Error(`There is no Redis at ${places.join(' or ')}.`)
  const folder = await mkdtemp(join(tmpdir(), 'redis-')) // for nobody else (mode 0700)
  const socket = join(folder, 'redis.sock')
  const settings = { port: '0', unixsocket: socket, dir: folder, save: '', appendonly: 'no' }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  let child = await launch(redisPath, args)
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: `unix://${socket}`,
    pid: () => child.pid ?? 0,
    async start() {
      child = await launch(redisPath, args)
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true })
    },
  }
}

async function launch(path: string, args: readonly string[]): Promise<ChildProcess> {
  // It says on stdout what is wrong, and must not hold what is ours open.
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  for await (const line of createInterface(child.stdout)) {
    if (/ready to accept connections/i.test(line)) {
      child.stdout.resume()
      return child
    }
  }
  throw new Error(`${path} ended before it was ready`)
}
