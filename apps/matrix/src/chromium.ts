import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { chromium } from 'playwright-core'
import { bundle } from './consumer.ts'
import type { Job, Runtime } from './runtimes.ts'
import { originOf } from './servers.ts'
import type { Result } from './suite/case.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

const script = `import { run } from './suite.js'
globalThis.runCases = (surroundings) => run(surroundings)
document.title = 'ready'
`

/** As root too, and quiet. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function runInChromium(): Promise<Pick<Runtime, 'version' | 'missing' | 'run'>> {
  if (executablePath === undefined) {
    const missing = 'there is none: install it, on Debian by apt-get install chromium'
    return { version: 'Chromium', missing, run: async () => [] }
  }
  const browser = await chromium.launch({ executablePath, args })
  const version = `Chromium ${browser.version()}`
  await browser.close()
  return { version, run: (job) => runInPage(executablePath, job) }
}

async function runInPage(path: string, { folder, files, url }: Job): Promise<readonly Result[]> {
  const page = '<!doctype html><meta charset="utf-8"><script type="module" src="/script.js"></script>'
  await using site = await serve({ '/': page, '/script.js': await bundle(folder, script, ['browser']) })
  await using browser = await chromium.launch({ executablePath: path, args })
  const tab = await browser.newPage()
  const complaints: string[] = []
  tab.on('pageerror', (error) => complaints.push(error.message))
  await tab.goto(site.origin)
  await tab
    .waitForFunction(() => document.title === 'ready')
    .catch((cause: unknown) => {
      throw new Error(`the script did not start: ${complaints.join('; ')}`, { cause })
    })
  // Awaited here, for the browser ends with this function.
  return await tab.evaluate((surroundings) => Reflect.get(globalThis, 'runCases')(surroundings), {
    url,
    folder: files,
  })
}

/** A page has to have an origin: in others there is no WebCrypto. */
async function serve(files: Readonly<Record<string, string>>) {
  const server = createServer(({ url = '' }, response) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8'
    response.writeHead(url in files ? 200 : 404, { 'content-type': type }).end(files[url])
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    origin: originOf(server),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
}
