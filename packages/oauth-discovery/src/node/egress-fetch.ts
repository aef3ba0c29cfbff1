/**
 * A `fetch` that knows where it connects to.
 *
 * @module
 */
import { lookup as resolve } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import tls from 'node:tls'
import ipaddr from 'ipaddr.js'
// By its file: Bun has something else by the bare name, whose connections cannot be looked at.
import { Agent, type Dispatcher, ProxyAgent, fetch as send } from 'undici/index.js'
import { reachOfAddress } from '../address-ranges.ts'
import { DiscoveryError } from '../errors.ts'
import { addressRefused, withoutSecrets } from '../foreign.ts'
import type { Fetch } from '../http.ts'

export interface EgressOptions {
  /** Addresses besides the public ones, such as `10.1.2.3` or `10.0.0.0/8`. */
  allow?: readonly string[] | undefined
  /**
   * A proxy that all goes through, `http:` or `https:`. It resolves the names, so that it is the one to refuse what they
   * lead to; addresses in URLs are still refused here.
   */
  proxy?: string | URL | undefined
  /** Certificates of authorities that are trusted besides those that Node trusts, in PEM. */
  ca?: string | readonly string[] | undefined
}

/** For the option `fetch`. Close it when it is no longer needed: it keeps connections. */
export type EgressFetch = Fetch & AsyncDisposable & { close(): Promise<void> }

/**
 * Makes a `fetch` for programs that are sent to URLs by others: gateways, crawlers, agent hosts.
 *
 * It connects to public addresses and those that you allow. A name is judged by all the addresses that it has when the
 * connection is made, and those are connected to: a name that is given another address in between (DNS rebinding) leads
 * nowhere else. Certificates are always checked. Its answers are of the class `Response` of undici.
 *
 * What is refused rejects with a cause of the code `ADDRESS_REFUSED`, which these packages make `address_refused`.
 *
 * @throws {DiscoveryError} `invalid_option`
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/security_best_practices#server-side-request-forgery-ssrf
 */
export function egressFetch({ allow = [], proxy, ca }: EgressOptions = {}): EgressFetch {
  const ranges = allow.map(parseRange)
  const isAllowed = (address: string) =>
    reachOfAddress(address) === 'public' || ranges.some((range) => isWithin(address, range))
  const trust = ca === undefined ? {} : { ca: [...trusted(), ...[ca].flat()] }
  const connections =
    proxy === undefined
      ? connectWithin(isAllowed, trust)
      : // Plain http by its whole URL (RFC 9112 §3.2.2), as undici 8 does unasked: many proxies refuse it a tunnel.
        new ProxyAgent({ uri: parseProxy(proxy), requestTls: trust, proxyTls: trust, proxyTunnel: false })
  const dispatcher = connections.compose((dispatch) => (options, handler) => {
    // What is an address already is not looked up, be it the target of a redirect.
    const host = new URL(options.origin ?? '').hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !isAllowed(host)) throw refusal(host, host)
    return dispatch(options, handler)
  })
  const senders = new WeakMap<object, unknown>()

  async function egress(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const { method, headers, signal, redirect } = request
    const isStream = init?.body instanceof ReadableStream
    const body = request.body && (isStream ? request.body : new Uint8Array(await request.arrayBuffer()))
    const answer = await send(request.url, {
      method,
      headers: Array.from(headers),
      body,
      ...(isStream && { duplex: 'half' as const }),
      signal,
      redirect,
      dispatcher,
    })
    // A request that is collected passes no abort on: these live until the body is read.
    if (answer.body !== null) senders.set(answer.body, [input, request])
    // The same interface by another class: undici is not the one that is inside Node.
    return answer as unknown as Response
  }

  let closed: Promise<void> | undefined
  const close = () => (closed ??= connections.close())
  return Object.assign(egress, { close, [Symbol.asyncDispose]: close })
}

function connectWithin(isAllowed: (address: string) => boolean, trust: { ca?: string[] }): Dispatcher {
  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      const refused = found?.find(({ address }) => !isAllowed(address))
      if (refused !== undefined) callback(refusal(hostname, refused.address), [])
      else if (options.all === true || error !== null) callback(error, found)
      else callback(null, found[0]?.address ?? '', found[0]?.family)
    })
  }
  return new Agent({ connect: { ...trust, lookup } })
}

function refusal(host: string, address: string): Error {
  const what = host === address ? address : `${host} is at ${address}, which`
  const message = `${what} is no public address. If you trust it, pass egressFetch({ allow: ['${address}'] }).`
  return Object.assign(new Error(message), { code: addressRefused })
}

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

function parseRange(text: string): Range {
  const isAddress = isIP(text.replace(/\/.*/s, '')) !== 0 // to the library, 10/8 is 0.0.0.10/8
  if (isAddress && ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  if (isAddress && !text.includes('/')) {
    const address = ipaddr.process(text)
    return [address, address.toByteArray().length * 8]
  }
  const message = `The option allow holds ${JSON.stringify(text)}, which is neither an address nor a range like 10.0.0.0/8.`
  throw new DiscoveryError('invalid_option', message, { url: '' })
}

function isWithin(address: string, [network, bits]: Range): boolean {
  const parsed = ipaddr.process(address)
  return parsed.kind() === network.kind() && parsed.match(network, bits)
}

function parseProxy(proxy: string | URL): string {
  const text = String(proxy)
  if (URL.canParse(text) && isProxy(new URL(text))) return text
  const shown = JSON.stringify(withoutSecrets(text.replace(/[?#]/g, ''))) // what stands behind one may be of a password
  const message = `The option proxy is ${shown}, which is no absolute http or https URL, or is not percent-encoded.`
  throw new DiscoveryError('invalid_option', message, { url: '' })
}

function isProxy({ protocol, username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`)
    return /^https?:$/.test(protocol)
  } catch {
    return false
  }
}

/** Those of the platform, with what was added by `NODE_EXTRA_CA_CERTS`; Node 22.12 to 22.14 cannot tell of these. */
function trusted(): readonly string[] {
  // The types say that it is always there.
  const all = tls.getCACertificates as typeof tls.getCACertificates | undefined
  return all?.('default') ?? tls.rootCertificates
}
