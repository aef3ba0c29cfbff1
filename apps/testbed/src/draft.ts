import type { ServerResponse } from 'node:http'

/**
 * Lets a handler write its whole answer into memory.
 *
 * When it is complete, `finish` gets the body and a response that is whole again: status and
 * headers are set, nothing has been sent.
 */
export function draft(response: ServerResponse, finish: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  const collect = (chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
  }

  response.flushHeaders = () => {}
  response.writeHead = (status: number, ...rest: unknown[]) => {
    response.statusCode = status
    for (const [name, value] of Object.entries(rest.at(-1) ?? {})) response.setHeader(name, value)
    return response
  }
  response.write = (chunk: unknown) => {
    collect(chunk)
    return true
  }
  response.end = (chunk?: unknown) => {
    collect(chunk)
    // The overrides hide the true methods, which are the prototype's.
    for (const name of ['flushHeaders', 'writeHead', 'write', 'end']) Reflect.deleteProperty(response, name)
    finish(Buffer.concat(chunks))
    return response
  }
}

/** Declares the length of a body, in place of what the handler declared. */
export function setBody(response: ServerResponse, body: Buffer): Buffer {
  response.removeHeader('transfer-encoding')
  response.setHeader('content-length', body.length)
  return body
}
