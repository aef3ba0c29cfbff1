import type { DeviceVerification } from '../src/index.ts'

/** A person with a browser: opens the address, enters the code, and confirms or aborts. */
export async function decide(
  { verificationUri, userCode }: DeviceVerification,
  last: Record<string, string> = {},
): Promise<string> {
  const cookies = new Map<string, string>()
  const open = async (url: string, body?: URLSearchParams): Promise<string> => {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const method = body === undefined ? 'GET' : 'POST'
    const init: RequestInit = { method, redirect: 'manual', headers: { cookie } }
    const response = await fetch(url, body === undefined ? init : { ...init, body })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    return location === null ? response.text() : open(new URL(location, url).href)
  }
  const submit = (page: string, more: Record<string, string>) => {
    const action = /action="([^"]*)"/.exec(page)?.[1] ?? ''
    const fields = [...page.matchAll(/<input [^>]*name="([^"]*)" value="([^"]*)"/g)]
    const values = Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]))
    return open(new URL(action, verificationUri).href, new URLSearchParams({ ...values, ...more }))
  }
  return submit(await submit(await open(verificationUri), { user_code: userCode }), last)
}
