import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen } from '../src/listening.ts'
import { chromiumPath, openBrowser } from './person.ts'

// What `packages/oauth-discovery/BROWSERS.md` says of a browser, in one, between origins.

const page = readFileSync(new URL('../../../packages/oauth-discovery/BROWSERS.md', import.meta.url), 'utf8')

/** As a browser would load it. */
async function bundled(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader: 'ts', resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['@x/source'],
  })
  return outputFiles[0]?.text ?? ''
}

/** A page with a program. */
function startSite(program: string, body: string) {
  return listen(async () => ({
    handler: async ({ url }) =>
      url.endsWith('.js')
        ? new Response(program, { headers: { 'content-type': 'text/javascript' } })
        : new Response(`<!doctype html>${body}<script type="module" src="/program.js"></script>`, {
            headers: { 'content-type': 'text/html; charset=utf-8' },
          }),
    facts: {},
  }))
}

const open = { 'access-control-allow-origin': '*' } as const
const wellKnown = '/.well-known/oauth-protected-resource'

interface Resource {
  /** Headers of its refusal. */
  readonly refusal: Readonly<Record<string, string>>
  /** Where its metadata is, and with which headers. */
  readonly place: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Where a request for it is sent on from. */
  readonly from?: string
}

/** A resource and its server, on an origin of their own. */
function startResource({ refusal, place, metadata = open, from }: Resource) {
  return listen(async (origin) => ({
    handler: async ({ url }) => {
      const { pathname } = new URL(url)
      if (pathname === from) return new Response(null, { status: 302, headers: { ...open, location: place } })
      if (pathname === place) {
        return Response.json({ resource: origin, authorization_servers: [origin] }, { headers: metadata })
      }
      if (pathname === '/.well-known/oauth-authorization-server') {
        const token_endpoint = `${origin}/token`
        return Response.json({ issuer: origin, token_endpoint }, { headers: open })
      }
      if (pathname !== '/') return new Response(null, { status: 404, headers: open })
      const challenge = { 'www-authenticate': `Bearer resource_metadata="${origin}${place}"` }
      return new Response(null, { status: 401, headers: { ...challenge, ...refusal } })
    },
    facts: {},
  }))
}

describe.skipIf(chromiumPath === undefined)('a browser', () => {
  let browser: Browser
  let testbed: Testbed
  beforeAll(async () => {
    ;[browser, testbed] = await Promise.all([openBrowser(), startTestbed()])
  })
  afterAll(() => Promise.all([browser.close(), testbed.close()]))

  describe('looks for the server of a resource elsewhere', () => {
    let tab: Page
    let site: Awaited<ReturnType<typeof startSite>>
    beforeAll(async () => {
      const program = `
        import { discoverAuthorizationServer, fetchResourceMetadata } from '@x/oauth-discovery'
        globalThis.look = (url, how) => (how === 'both' ? discoverAuthorizationServer(url) : fetchResourceMetadata(url)).then(
          ({ challenge }) => (challenge ? 'found, by its challenge' : 'found'), ({ code }) => code)`
      site = await startSite(await bundled(program), '')
      tab = await browser.newPage()
      await tab.goto(site.origin)
      await tab.waitForFunction('globalThis.look')
    })
    afterAll(() => Promise.all([tab.close(), site.close()]))

    const exposed = { ...open, 'access-control-expose-headers': 'WWW-Authenticate' }
    const [usual, elsewhere] = [wellKnown, '/about-me']

    it.each<[outcome: string, what: string, resource: Resource]>([
      ['found, by its challenge', 'a challenge that it may see', { refusal: exposed, place: elsewhere }],
      ['resource_metadata_not_found', 'one that it may not', { refusal: open, place: elsewhere }],
      ['found', 'one that it may not, and the usual place', { refusal: open, place: usual }],
      ['unreachable', 'a refusal that it may not see at all', { refusal: {}, place: usual }],
      ['unavailable', 'metadata that it may not see', { refusal: exposed, place: usual, metadata: {} }],
      ['redirect_refused', 'a redirect', { refusal: open, place: elsewhere, from: usual }],
    ])('and comes to %s with %s', async (outcome, _, resource) => {
      const server = await startResource(resource)

      const seen = await tab.evaluate(`look(${JSON.stringify(server.origin)}, 'both')`)

      await server.close()
      expect(seen).toBe(outcome)
    })

    it('and finds the metadata of one whose refusal it may not see, where it is asked for alone', async () => {
      const server = await startResource({ refusal: {}, place: usual })

      const seen = await tab.evaluate(`look(${JSON.stringify(server.origin)}, 'metadata')`)

      await server.close()
      expect(seen).toBe('found')
    })
  })

  it('signs somebody in by the program of that page, and comes back with what they asked for', async () => {
    const [, program = ''] = /^```ts\b[^\n]*\n(.*?)^```/ms.exec(page) ?? []
    const body = `<body data-api="${testbed.api.url}" data-client="${testClients.cli.clientId}">`
    const site = await startSite(await bundled(program), body)
    const tab = await browser.newPage()

    await tab.goto(site.origin)
    await tab.waitForFunction(() => document.body.textContent.startsWith('{'))

    const [text, address] = [await tab.textContent('body'), tab.url()]
    await Promise.all([tab.close(), site.close()])
    expect(text).toContain('oranges')
    expect(address).toBe(`${site.origin}/`)
  })
})
