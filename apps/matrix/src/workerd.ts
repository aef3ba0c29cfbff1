import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundle } from './consumer.ts'
import type { Job } from './runtimes.ts'
import type { Result } from './suite/case.ts'

const worker = `import { names, run } from './suite.js'

const acts = new Map()
const act = async (id) => {
  await acts.get(id)()
  return 'done'
}
const requestTo = (url) => async (act) => {
  const id = crypto.randomUUID()
  acts.set(id, act)
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ id }) })
  if (!response.ok) throw new Error(await response.text())
}

export default {
  async fetch(request) {
    if (request.method === 'GET') return Response.json(names)
    try {
      const { surroundings, chosen, id } = await request.json()
      const done = id === undefined ? run({ ...surroundings, request: requestTo(request.url) }, chosen) : act(id)
      return Response.json(await done)
    } catch (error) {
      return new Response(error.message, { status: 500 })
    }
  },
}
`

/** What is on this machine is no public address, which is all that a worker may reach otherwise. */
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      globalOutbound = "everywhere",
    )),
    (name = "everywhere", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`

/** Each case is another request to one worker, as what a worker keeps is used by many. */
export async function runInWorkerd(program: string, { folder, files, url }: Job): Promise<readonly Result[]> {
  const place = join(folder, 'workerd')
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'worker.js'), await bundle(folder, worker, ['workerd', 'worker', 'browser']))
  await writeFile(join(place, 'config.capnp'), config)
  const child = spawn(program, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: place,
    // It warns of each promise that was cut off, as some cases have it.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  try {
    const address = `http://127.0.0.1:${await portOf(child)}`
    const names: readonly string[] = await (await fetch(address)).json()
    const results: Result[] = []
    for (const name of names) {
      const body = JSON.stringify({ surroundings: { url, folder: files }, chosen: [name] })
      const response = await fetch(address, { method: 'POST', body })
      if (response.ok) results.push(...(await response.json()))
      else results.push({ name, ms: 0, failure: `${response.status}: ${await response.text()}` })
    }
    return results
  } finally {
    child.kill('SIGKILL')
  }
}

async function portOf(child: ReturnType<typeof spawn>): Promise<number> {
  const control = child.stdio[3]
  if (control === null || control === undefined || !('read' in control))
    throw new Error('it cannot tell its port')
  const [line] = await Promise.race([
    once(createInterface(control), 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`workerd ended with ${code}`)
    }),
  ])
  return JSON.parse(line).port
}
