import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** `undefined` where no Chromium is installed; tests that need one are then skipped. */
export const chromiumPath: string | undefined = places.find((path) => existsSync(path))
if (chromiumPath === undefined) console.log('skipped: no Chromium is installed, so nobody sits at a browser')

/** Launches a browser without a window; one is enough for a file of tests. */
export function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(`there is no Chromium at ${places.join(' or ')}`)
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
  args.push('--disable-background-networking', '--disable-component-update', '--disable-sync')
  return chromium.launch({ executablePath: chromiumPath, args })
}

/** How long a person looks for a field, a button or the next page before giving up. */
const patienceMs = 10_000

/**
 * Somebody at a browser, with cookies of their own, before the pages of the testbed.
 *
 * Each act ends when the page that it leads to has loaded.
 */
export class Person implements AsyncDisposable {
  readonly #page: Page
  readonly #leave: () => Promise<void>

  private constructor(page: Page, leave: () => Promise<void>) {
    this.#page = page
    this.#leave = leave
  }

  static async at(browser: Browser): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 900, height: 720 } })
    context.setDefaultTimeout(patienceMs)
    return new Person(await context.newPage(), () => context.close())
  }

  /** The same person, with the same cookies, at another tab. */
  async atAnotherTab(): Promise<Person> {
    const page = await this.#page.context().newPage()
    return new Person(page, () => page.close())
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url)
  }

  /** Opens the address, and signs in, unless the server knows them by a cookie. */
  async signIn(url: string, who: { name: string }): Promise<void> {
    await this.open(url)
    await this.signInIfAsked(who)
  }

  async signInIfAsked(who: { name: string }): Promise<void> {
    if (await this.#page.getByLabel('User name').isVisible()) await this.signInHere(who)
  }

  /** Signs in at the login page that is shown, as after a user code. */
  async signInHere({ name }: { name: string }): Promise<void> {
    await this.#page.getByLabel('User name').fill(name)
    await this.#page.getByLabel('Password').fill('any password')
    await this.press('Sign in')
  }

  async allow(): Promise<void> {
    await this.press('Allow')
  }

  async deny(): Promise<void> {
    await this.press('Deny')
  }

  /** Types a user code and confirms it; the pages to sign in and to allow may follow. */
  async enterUserCode(url: string, code: string): Promise<void> {
    await this.typeUserCode(url, code)
    await this.press('Confirm')
  }

  /** Types a user code, up to the page that asks for a confirmation. */
  async typeUserCode(url: string, code: string): Promise<void> {
    await this.open(url)
    await this.#page.getByLabel('Code').fill(code)
    await this.press('Continue')
  }

  /** Presses the button of that name, and waits for the page it leads to. */
  async press(name: string): Promise<void> {
    const button = this.#page.getByRole('button', { name, exact: true })
    // A page that sends itself on may still be on the way to this one.
    await button.waitFor()
    await this.#page.waitForLoadState()
    await Promise.all([this.#page.waitForEvent('load'), button.click()])
  }

  /**
   * Has the address changed of each page that the browser is about to ask for, where it matches: like somebody who
   * copies it in time, and opens another one.
   */
  async rewrite(pattern: string, change: (address: URL) => void): Promise<void> {
    const session = await this.#page.context().newCDPSession(this.#page)
    // Playwright's own routes do not see where a redirect leads.
    session.on('Fetch.requestPaused', ({ requestId, request }) => {
      const address = new URL(request.url)
      change(address)
      const isNew = address.href !== request.url
      const location = [{ name: 'location', value: address.href }]
      const answered = isNew
        ? session.send('Fetch.fulfillRequest', { requestId, responseCode: 302, responseHeaders: location })
        : session.send('Fetch.continueRequest', { requestId })
      // The page may be gone by then.
      answered.catch(() => {})
    })
    await session.send('Fetch.enable', { patterns: [{ urlPattern: pattern }] })
  }

  /** Prefers dark pages from now on, or light ones. */
  async prefer(colorScheme: 'dark' | 'light'): Promise<void> {
    await this.#page.emulateMedia({ colorScheme })
  }

  /** Writes `.screenshots/NAME.png`, which git ignores. */
  async screenshot(name: string): Promise<void> {
    const path = fileURLToPath(new URL(`../.screenshots/${name}.png`, import.meta.url))
    await this.#page.screenshot({ path })
  }

  /** The text of the page. */
  async text(): Promise<string> {
    return (await this.#page.locator('body').textContent()) ?? ''
  }

  url(): string {
    return this.#page.url()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leave()
  }
}
