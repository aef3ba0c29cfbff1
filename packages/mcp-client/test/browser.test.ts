import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { startTestbed, testClients } from '@x/testbed'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)
if (executablePath === undefined)
  console.log('skipped: no Chromium is installed, so nothing runs in a browser')

it.skipIf(executablePath === undefined)('works in a browser as it is, by Web standards alone', async () => {
  await using testbed = await startTestbed()
  const bundle = await build({
    entryPoints: [fileURLToPath(new URL('./browser-program.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['@x/source'],
  })
  const title = JSON.stringify({ mcpUrl: testbed.mcp.url, ...testClients.worker })
  const page = `<!doctype html><title>${title.replaceAll('&', '&amp;')}</title><body><script type="module" src="/program.js"></script>`
  await using site = await serve({ '/': page, '/program.js': bundle.outputFiles[0]?.text ?? '' })
  await using browser = await open()

  const tab = await browser.newPage()
  const complaints: string[] = []
  tab.on('pageerror', (error) => complaints.push(error.message))
  await tab.goto(site.origin)
  await tab.waitForFunction(() => document.body.textContent.startsWith('{'))

  expect(complaints).toEqual([])
  expect(JSON.parse((await tab.textContent('body')) ?? '')).toEqual({
    tools: ['whoami', 'add', 'write_note'],
    answer: [{ type: 'text', text: '5' }],
  })
})

/** Quiet, and as root. */
function open() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
  args.push('--disable-background-networking', '--disable-component-update', '--disable-sync')
  return chromium.launch({ ...(executablePath !== undefined && { executablePath }), args })
}

async function serve(files: Readonly<Record<string, string>>) {
  const server = createServer(({ url = '' }, response) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8'
    response.writeHead(url in files ? 200 : 404, { 'content-type': type }).end(files[url])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the site has no TCP port')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
}
