/**
 * A person who agrees with everything, for programs that run without one: as much of a browser as a sign-in needs.
 *
 * @module
 */

const maxPages = 20

/**
 * Opens a URL of the authorization server, follows where it leads, and submits each form as it stands.
 *
 * @returns the first URL elsewhere that it leads to, unvisited; or where the pages end, that of the last one
 */
export async function agree(start: string | URL): Promise<string> {
  const { origin } = new URL(start)
  const cookies = new Map<string, string>()
  let [url, init]: [string, RequestInit] = [String(start), {}]
  for (let pages = 0; pages < maxPages; pages += 1) {
    if (new URL(url).origin !== origin) return url
    const cookie = Array.from(cookies, (pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1).join('').split('=', 2)
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const form = location === null ? formOf(await response.text()) : undefined
    if (location === null && form === undefined) return url
    url = new URL(location ?? form?.action ?? '', url).href
    init = form === undefined ? {} : { method: 'POST', body: form.fields }
  }
  throw new Error(`${origin} shows more pages than a sign-in has`)
}

function formOf(page: string): { action: string; fields: URLSearchParams } | undefined {
  const action = /<form [^>]*action="([^"]*)"/.exec(page)?.[1]
  if (action === undefined) return undefined
  const inputs = page.matchAll(/<input [^>]*name="([^"]*)"[^>]* value="([^"]*)"/g)
  return {
    action,
    fields: new URLSearchParams(Array.from(inputs, ([, name = '', value = '']) => [name, value])),
  }
}
