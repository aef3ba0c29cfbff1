import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { draft, setBody } from './draft.ts'
import type { Fault, FaultQueue } from './fault.ts'

export interface Answering {
  readonly response: ServerResponse
  /** Lets the real server act and answer. */
  readonly act: () => Promise<void>
  readonly faults: FaultQueue
  readonly closing: AbortSignal
}

/** Answers as the fault says. A switch, and as long as there are kinds. */
export async function answerBroken(fault: Fault, answering: Answering): Promise<void> {
  const { response, act, faults, closing } = answering
  switch (fault.kind) {
    case 'status':
      return send(response, fault.status, fault.body ?? '', fault.headers)
    case 'body':
      return send(response, fault.status ?? 200, fault.body, {
        'content-type': fault.contentType ?? 'application/json',
      })
    case 'html':
      return send(response, 200, '<!doctype html><title>Sign in</title><p>Please sign in first.', {
        'content-type': 'text/html; charset=utf-8',
      })
    case 'redirect':
      return send(response, fault.status ?? 302, '', { location: fault.location })
    case 'delay':
      await sleep(fault.ms, undefined, { signal: closing })
      return act()
    case 'late-answer':
      draft(response, (body) => {
        const answer = () => response.end(setBody(response, body))
        sleep(fault.ms, undefined, { signal: closing }).then(answer, () => reset(response))
      })
      return act()
    case 'hang':
      if (response.socket) faults.hold(response.socket)
      return
    case 'reset':
      return reset(response)
    case 'lost-answer':
      draft(response, () => reset(response))
      return act()
    case 'truncated':
      draft(response, (body) => sendHalf(response, body))
      return act()
    case 'drip':
      draft(response, (body) => void drip(response, body, fault.ms, closing).catch(() => reset(response)))
      return act()
    case 'changed-members':
      draft(response, (body) => sendChanged(response, body, fault.members))
      return act()
    case 'oversized':
      return sendOversized(response, fault.bytes)
  }
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}) {
  response.writeHead(status, headers).end(body)
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
}

function sendHalf(response: ServerResponse, body: Buffer): void {
  const half = setBody(response, body).subarray(0, Math.floor(body.length / 2))
  response.flushHeaders()
  response.write(half, () => response.destroy())
}

/** Whoever went away gets no more. */
async function drip(response: ServerResponse, body: Buffer, ms: number, closing: AbortSignal): Promise<void> {
  const whole = setBody(response, body)
  response.flushHeaders()
  for (let sent = 0; sent < whole.length && !response.destroyed; sent += 1) {
    await sleep(ms, undefined, { signal: closing })
    response.write(whole.subarray(sent, sent + 1))
  }
  response.end()
}

function sendChanged(response: ServerResponse, body: Buffer, members: Record<string, unknown>): void {
  const truth = parseObject(body.toString())
  if (!truth) response.statusCode = 500
  const text = truth ? JSON.stringify({ ...truth, ...members }) : 'The true answer is not a JSON object.'
  response.end(setBody(response, Buffer.from(text)))
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function sendOversized(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' })
  await pipeline(Readable.from(longDocument(bytes)), response)
}

function* longDocument(bytes: number): Generator<Buffer> {
  const [opening, closing] = ['{"padding":"', '"}']
  yield Buffer.from(opening)
  for (let left = bytes - opening.length - closing.length; left > 0; left -= 65_536) {
    yield Buffer.alloc(Math.min(left, 65_536), 'x')
  }
  yield Buffer.from(closing)
}
