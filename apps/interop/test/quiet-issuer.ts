import { type AuthorizationServer, startAuthorizationServer } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, vi } from 'vitest'

/**
 * An authorization server for the tests of a file, with a journal that each finds empty. What servers of others have to say
 * meanwhile is not printed: FastMCP tells of each stream and each end of a session.
 */
export function useIssuer(): Pick<AuthorizationServer, 'issuer' | 'journal'> {
  let server: AuthorizationServer
  beforeAll(async () => {
    server = await startAuthorizationServer()
    vi.spyOn(console, 'log').mockReturnValue()
  })
  afterAll(async () => {
    vi.restoreAllMocks()
    await server.close()
  })
  beforeEach(() => server.journal.clear())
  return {
    get issuer() {
      return server.issuer
    },
    get journal() {
      return server.journal
    },
  }
}
