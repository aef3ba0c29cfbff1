/**
 * How servers answer, well or badly.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'

/** An object is a document. */
export type Page = object | Answer
export type Answer = (response: ServerResponse, happened: Happened) => void

/** Resolves when a line is in the server's log. */
export type Happened = (line: string) => Promise<void>

export function answer(
  status: number,
  headers: Readonly<Record<string, string | string[]>> = {},
  body: string | Uint8Array = '',
): Answer {
  return (response) => response.writeHead(status, headers).end(body)
}

/** A body as a document's. */
export function text(body: string | Uint8Array, type = 'application/json'): Answer {
  return answer(200, { 'content-type': type }, body)
}

export function unauthorized(challenge?: string | string[]): Answer {
  return answer(401, challenge === undefined ? {} : { 'www-authenticate': challenge })
}

export function pointingAt(url: string): Answer {
  return unauthorized(`Bearer resource_metadata="${url}"`)
}

export function redirect(location: string, status = 302): Answer {
  return answer(status, { location })
}

export const silence: Answer = () => {}

export const headThenSilence: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
}

/** A byte at a time, each of them soon. */
export const drip: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}

/** Answers late, as a slow server does. */
export function slow(ms: number, page: Answer): Answer {
  return (response, happened) => {
    const timer = setTimeout(() => page(response, happened), ms)
    response.on('close', () => clearTimeout(timer))
  }
}

/** Answers when a line has come into the log: a request, or the end of a connection. */
export function after(line: string, page: Page): Answer {
  return (response, happened) => void happened(line).then(() => respond(page, response, happened))
}

/** The pages one after the other, the last of them for good. */
export function inTurn(...pages: readonly Page[]): Answer {
  let turn = 0
  return (response, happened) => {
    const page = pages[Math.min(turn, pages.length - 1)]
    turn += 1
    if (page !== undefined) respond(page, response, happened)
  }
}

export function respond(page: Page, response: ServerResponse, happened: Happened): void {
  const give = typeof page === 'function' ? (page as Answer) : text(JSON.stringify(page)) // a document is no function
  give(response, happened)
}

const mb = 1024 * 1024
const block = Buffer.alloc(16 * mb, ' ')

/** As many MB of spaces as anybody reads, and no end. */
export function endless(type: string, limit = 256): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': type })
    pour(response, block.subarray(0, mb), limit)
  }
}

function pour(response: ServerResponse, chunk: Uint8Array, left: number): void {
  if (left === 0 || response.destroyed) return
  response.write(chunk, () => pour(response, chunk, left - 1))
}

/** Up to 1 GB in little: gzip and zstd may be repeated, brotli may not. */
const bombs = {
  gzip: once(() => Buffer.concat(Array<Uint8Array>(64).fill(gzipSync(block)))),
  zstd: once(() => Buffer.concat(Array<Uint8Array>(64).fill(zstdCompressSync(block)))),
  br: once(() =>
    brotliCompressSync(Buffer.alloc(256 * mb, ' '), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  ),
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** So that nobody waits for it later. */
export function makeBombs(): void {
  for (const make of Object.values(bombs)) make()
}

export function bomb(encoding: keyof typeof bombs): Answer {
  return (response) => {
    const body = bombs[encoding]()
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
  }
}

/** What is no HTTP, or HTTP that no server of Node would send. */
export function bytes(raw: string): Answer {
  return ({ socket }) => socket?.end(Buffer.from(raw, 'latin1'))
}
