import { type GrantAuth, isOAuthError, type OAuthError } from '@x/oauth-grants'
import type { Fault } from '@x/testbed'
import { handClock } from '@x/testbed/hand-clock'
import { wrap } from './facts.ts'
import type { Stage } from './stage.ts'

/** What a program can do about a failure, beside giving up. */
export interface Ways {
  readonly wait: (ms: number) => Promise<void>
  readonly ask: () => Promise<unknown>
}

type Persist = <T>(work: () => Promise<T>, ways: Ways) => Promise<T>

type Cause = (auth: GrantAuth) => unknown

const busy: Fault = { kind: 'status', status: 503, headers: { 'retry-after': '7' } }
const elsewhere: Fault = { kind: 'changed-members', members: { issuer: 'https://elsewhere.example' } }
const ended: Fault = { kind: 'body', status: 400, body: '{"error":"invalid_grant"}' }

/**
 * Servers that can be broken, and a program in front of them. Its clock stands still, so that nobody waits: what it waits
 * for is mended meanwhile.
 */
export function createOrdeal(
  { testbed, url, print, claim }: Pick<Stage, 'testbed' | 'url' | 'print' | 'claim'>,
  persist: Persist,
) {
  if (testbed === undefined) throw new Error('Only servers that are embedded can be broken.')
  const { api, authorizationServer } = testbed
  const clock = handClock(Date.now())
  /** How often each of these has come. */
  const tally = { answered: 0, stopped: 0, wait: 0, ask: 0 }

  const breakServer = (fault: Fault, match: { path: string; times?: number } = { path: '/token' }) =>
    authorizationServer.faults.add(fault, match)
  const tokenRequests = () => authorizationServer.journal.count({ path: '/token' })
  const heal = () => {
    for (const { faults } of [api, authorizationServer]) faults.heal()
  }
  const use = async (auth: GrantAuth, forMs: number) => {
    await auth.getToken()
    clock.pass(forMs)
  }
  const causes = {
    none: () => {},
    downNearEnd: async (auth) => {
      await use(auth, 3_300_000)
      breakServer(busy)
    },
    downAfterEnd: async (auth) => {
      await use(auth, 3_600_000)
      breakServer(busy)
    },
    page: () => breakServer({ kind: 'html' }),
    endless: () => breakServer({ kind: 'oversized', bytes: 2 ** 30 }),
    silence: () => {
      breakServer({ kind: 'hang' })
      // Once the request is there all the time that a call has goes by.
      const before = tokenRequests()
      const waiting = setInterval(() => {
        if (tokenRequests() === before) return
        clearInterval(waiting)
        clock.pass(10_000)
      }, 10)
    },
    otherIssuer: () => breakServer(elsewhere, { path: '/.well-known/oauth-authorization-server' }),
    revocation: async (auth) => api.refuse((await auth.getToken()).accessToken),
    refusals: () => api.faults.add({ kind: 'status', status: 401 }, { path: '/api' }),
    loginEnd: async (auth) => {
      await use(auth, 3_600_000)
      breakServer(ended, { path: '/token', times: 1 })
    },
  } satisfies Record<string, Cause>

  /** Calls the API, and once more where it is refused; not for ever. */
  const insist = async (auth: GrantAuth) => {
    for (let calls = 1; ; calls += 1) {
      const { status, body } = await auth.fetch(url)
      await body?.cancel()
      if (status === 200) return
      if (calls === 20) throw new Error(`The API has answered ${status} to ${calls} calls.`)
    }
  }

  return {
    clock,
    causes,
    tally,
    /** Shows what a program is told, and what it does about it; which has to be what was foretold. */
    face: async (title: string, auth: GrantAuth, cause: Cause, foretold: string): Promise<void> => {
      print(`\n${title}`)
      await cause(auth)
      const course: string[] = []
      const note = (what: keyof typeof tally, text: string) => {
        course.push(what)
        tally[what] += 1
        print(`  → ${text}`)
      }
      const told = async <T>(work: Promise<T>): Promise<T> => {
        try {
          return await work
        } catch (error) {
          course.push(isOAuthError(error) ? error.code : String(error))
          if (isOAuthError(error)) for (const line of describe(error)) print(line)
          throw error
        }
      }
      const ways: Ways = {
        async wait(ms) {
          note('wait', `waits ${ms / 1_000} s, and tries again`)
          clock.pass(ms)
          heal()
        },
        async ask() {
          note('ask', 'asks a person')
          await told(auth.getToken())
        },
      }
      await persist(() => told(insist(auth)), ways).then(
        () => note('answered', 'is answered'),
        () => note('stopped', 'stops, and says so'),
      )
      heal()
      await auth.close()
      const came = course.join(', ')
      if (came !== foretold) claim(`${title}: ${foretold} (but: ${came})`, false)
    },
  }
}

function describe({ name, code, recovery, message }: OAuthError & { readonly code: string }): string[] {
  return [`    ${name}, code ${code}, recovery ${recovery}`, ...wrap(message).map((line) => `      ${line}`)]
}
