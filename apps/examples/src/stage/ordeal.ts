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

interface Trouble<A> {
  /** Makes it. */
  readonly cause?: (auth: A) => unknown
  /** What is tried; default: to call the API. */
  readonly work?: (auth: A) => Promise<Response>
  /** Each code, what was done about it, and the end. */
  readonly ends: string
}

/** A server that is too busy. */
export const outage: Fault = { kind: 'status', status: 503, headers: { 'retry-after': '7' } }

/** Servers that can be broken, and a clock that stands still, so that nobody waits: what time would mend is mended meanwhile. */
export function createOrdeal({ testbed, url, print, claim }: Pick<Stage, 'testbed' | 'url' | 'print' | 'claim'>, persist: Persist) {
  if (testbed === undefined) throw new Error('Only servers that are embedded can be broken.')
  const { api, authorizationServer } = testbed
  const clock = handClock(Date.now())
  const heal = () => {
    for (const { faults } of [api, authorizationServer]) faults.heal()
  }
  /** How often each of these has come. */
  const tally = { answered: 0, stopped: 0, wait: 0, ask: 0 }
  return {
    clock,
    tally,
    breakIt(path: string, fault: Fault, times = Number.POSITIVE_INFINITY) {
      const server = path === '/api' ? api : authorizationServer
      server.faults.add(fault, { path, times })
    },
    refuseAt: async (auth: Pick<GrantAuth, 'getToken'>) => api.refuse((await auth.getToken()).accessToken),

    /** Shows what a program is told, and what it does about it. */
    async face<A extends GrantAuth>(title: string, auth: A, trouble: Trouble<A>) {
      const { cause = () => {}, work = () => auth.fetch(url), ends } = trouble
      print(`\n${title}`)
      await cause(auth)
      const course: string[] = []
      const note = (what: keyof typeof tally) => {
        course.push(what)
        tally[what] += 1
      }
      const attempt = async () => {
        try {
          return await work(auth)
        } catch (error) {
          course.push(isOAuthError(error) ? error.code : String(error))
          if (isOAuthError(error)) describe(error)
          throw error
        }
      }
      const describe = ({ name, code, recovery, message }: OAuthError) => {
        print(`    ${name}, code ${code}, recovery ${recovery}`)
        for (const line of wrap(message)) print(`      ${line}`)
      }
      const ways: Ways = {
        async wait(ms) {
          note('wait')
          print(`  → waits ${ms / 1_000} s, and tries again`)
          clock.pass(ms)
          heal()
        },
        async ask() {
          note('ask')
          print('  → asks the person, and tries again')
          await auth.getToken()
        },
      }
      const isAnswered = await persist(attempt, ways).then(
        ({ status }) => status === 200,
        () => false,
      )
      note(isAnswered ? 'answered' : 'stopped')
      print(isAnswered ? '  → is answered' : '  → stops, and says so')
      heal()
      await auth.close()
      const came = course.join(', ')
      if (came !== ends) claim(`${title}: ${ends} (but: ${came})`, false)
    },
  }
}
