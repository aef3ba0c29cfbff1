/** As much of a browser as a login needs: cookies, redirects, forms without scripts. */
export class Browser {
  readonly #cookies = new Map<string, string>()
  #address = ''

  /** Follows redirects until a page, or until an address that `stopAt` knows. */
  async open(
    url: string,
    init: RequestInit = {},
    stopAt = 'nowhere:',
  ): Promise<{ url: string; page: string }> {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1).join('').split('=', 2)
      this.#cookies.set(name, value)
    }
    this.#address = url
    const location = response.headers.get('location')
    if (location === null) return { url, page: await response.text() }
    const next = new URL(location, url).href
    return next.startsWith(stopAt) ? { url: next, page: '' } : this.open(next, {}, stopAt)
  }

  /** Sends the one form of the page it shows; a button that says something is an input here. */
  submit(
    page: string,
    input: Record<string, string> = {},
    stopAt?: string,
  ): Promise<{ url: string; page: string }> {
    const action = /action="([^"]*)"/.exec(page)?.[1] ?? ''
    const fields = [...page.matchAll(/<input [^>]*name="([^"]*)" value="([^"]*)"/g)]
    const values = fields.map(([, name = '', value = '']) => [name, value])
    const body = new URLSearchParams({ ...Object.fromEntries(values), ...input })
    return this.open(new URL(action, this.#address).href, { method: 'POST', body }, stopAt)
  }
}
