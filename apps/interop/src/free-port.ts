import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Starts what has to be told its port. Whoever takes the port in between makes `start` fail, and another is tried.
 */
export async function startOnFreePort<T>(start: (port: number) => Promise<T>, attempts = 3): Promise<T> {
  try {
    return await start(await findFreePort())
  } catch (error) {
    if (attempts === 1) throw error
    return startOnFreePort(start, attempts - 1)
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  await once(server.close(), 'close')
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port')
  return address.port
}
