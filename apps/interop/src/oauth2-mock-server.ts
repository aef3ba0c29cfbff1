import { OAuth2Server } from 'oauth2-mock-server'

/** Describes itself by OpenID Connect Discovery, and not by RFC 8414. */
export interface MockServer extends AsyncDisposable {
  /** As it spells itself: by the name `localhost`, wherever it listens. */
  readonly issuer: string
  /** The address it listens at, by number. */
  readonly origin: string
  close(): Promise<void>
}

/** Starts it on 127.0.0.1. It has no key: nothing here asks it for a token. */
export async function startMockServer(): Promise<MockServer> {
  const server = new OAuth2Server()
  await server.start(0, '127.0.0.1')
  const close = () => server.stop()
  return {
    issuer: server.issuer.url ?? '',
    origin: `http://127.0.0.1:${server.address().port}`,
    close,
    [Symbol.asyncDispose]: close,
  }
}
