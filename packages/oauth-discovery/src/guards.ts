/**
 * The policy under every request of ours, as a list that can be read aloud. Each guard answers one attack.
 *
 * @module
 */
import type { Clock } from './clock.ts'
import { isOAuthError, type OAuthError, type Recovery } from './errors.ts'
import type { Emit } from './events.ts'
import { displayUrl } from './foreign.ts'
import { isLoopback, reachOf } from './hosts.ts'
import type { Answer } from './http.ts'

export type HttpErrorCode =
  | 'invalid_url'
  | 'insecure_url'
  | 'address_refused'
  | 'redirect_refused'
  | 'body_too_large'
  | 'timeout'
  | 'unreachable'

/** Makes a failure into the error class of the package that asked. */
export type Fail = (
  code: HttpErrorCode,
  message: string,
  options: { url: string; recovery: Recovery; cause?: unknown },
) => OAuthError

/** Makes a failure of the exchange under way: `what` goes behind its method and URL. */
export type Refuse = (code: HttpErrorCode, url: string | URL, what: string, cause?: unknown) => OAuthError

/** Sends a request to a URL, and reads the answer to its end. */
export type Send = (url: string) => Promise<Answer>
export type Guard = (next: Send) => Send

const maxRedirects = 3

/** A redirect moves a request to a host that nobody vetted: a GET stays within its origin, a POST stays where it is. */
export function followWithinOrigin(isGet: boolean, refuse: Refuse): Guard {
  return (next) => async (first) => {
    let url = first
    for (let hops = 0; ; hops += 1) {
      const answer = await next(url)
      if (!isRedirect(answer)) return answer
      const target = redirectTarget(answer, url)
      if (!isGet || hops === maxRedirects || target?.origin !== new URL(url).origin) {
        const to = target === undefined ? '' : ` to ${displayUrl(target)}`
        const what = `redirected${to}, not followed: only a GET is, within its origin, ${maxRedirects} times. If you trust it, use that instead.`
        throw refuse('redirect_refused', url, what)
      }
      url = target.href
    }
  }
}

/** Browsers hide a redirect, and where it leads, behind the status 0. */
function isRedirect({ status }: Answer): boolean {
  return status === 0 || (status >= 300 && status <= 399 && status !== 304)
}

function redirectTarget({ headers }: Answer, base: string): URL | undefined {
  const location = headers.get('location')
  return location !== null && URL.canParse(location, base) ? new URL(location, base) : undefined
}

/** What is asked of every address, before anything is sent there; `allowAddress` answers for the last two. */
export function vetAddress(caller: URL, allowAddress: (url: URL) => boolean, refuse: Refuse): Guard {
  return (next) => async (address) => {
    const url = new URL(address)
    refuseCredentials(url, refuse)
    if (!/^https?:$/.test(url.protocol) || !allowAddress(url)) {
      requireHttps(url, refuse)
      await vetHost(url, caller, refuse)
    }
    return next(address)
  }
}

/** In a URL a password is in every log, and `https://good@evil` is not where it seems to be. */
function refuseCredentials({ username, password, href }: URL, refuse: Refuse): void {
  if (username + password !== '') {
    throw refuse('invalid_url', href, 'not sent: it has a user name or password.')
  }
}

/** In clear text a token is everybody's: plain http is for this machine only. */
function requireHttps(url: URL, refuse: Refuse): void {
  if (isSecure(url)) return
  throw refuse('insecure_url', url.href, `not sent: it is not https. ${allowing(url)}`)
}

/**
 * A server may not lead us to what we can reach and it cannot: this machine, a private network, what gives a cloud's
 * machines their credentials. Where both are in private, or the caller named this machine, they know of each other.
 */
async function vetHost(url: URL, caller: URL, refuse: Refuse): Promise<void> {
  if (url.hostname === caller.hostname) return
  const [there, here] = await Promise.all([reachOf(url.hostname), reachOf(caller.hostname)])
  if (there === 'public' || (there !== 'special' && [there, 'loopback'].includes(here))) return
  const what = `not sent: ${displayUrl(caller)} led to this address, which is not public. ${allowing(url)}`
  throw refuse('address_refused', url.href, what)
}

/** Whether what is sent there stays between the two ends: over https, or within this machine. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function allowing({ host }: URL): string {
  return `If you trust it, pass allowAddress: ({ host }) => host === ${JSON.stringify(host)}.`
}

/** Not a defence: tells the caller of each exchange, hop by hop. */
export function reportExchange(purpose: string, method: string, emit: Emit, clock: Clock): Guard {
  return (next) => async (address) => {
    const started = clock.now()
    const tell = (more: { status: number; bytes: number } | { code: string }) =>
      emit({
        type: 'exchange',
        purpose,
        method,
        url: displayUrl(address),
        ms: clock.now() - started,
        ...more,
      })
    try {
      const answer = await next(address)
      tell({ status: answer.status, bytes: answer.bytes.length })
      return answer
    } catch (error) {
      tell({ code: isOAuthError(error) ? error.code : 'unreachable' })
      throw error
    }
  }
}

/** An endless or inflated body fills the memory: what is read is counted after decompression, whatever was declared. */
export async function readWithin(
  maxBytes: number,
  url: string,
  { body }: Response,
  refuse: Refuse,
): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  // Not `for await`: browsers do not iterate streams everywhere.
  const reader = body?.getReader()
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    length += read.value.byteLength
    if (length > maxBytes) {
      void reader?.cancel().catch(() => {})
      const what = `more than ${maxBytes} bytes came. The option maxBytes sets the limit.`
      throw refuse('body_too_large', url, what)
    }
    chunks.push(read.value)
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}
