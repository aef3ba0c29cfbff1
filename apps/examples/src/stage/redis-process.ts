/**
 * One process of a fleet: whenever it is told that the last tokens are good no longer, it gets the next ones.
 *
 * @module
 */
import { on } from 'node:events'
import { AuthorizationCodeAuth, ClientCredentialsAuth, type Token } from '@x/oauth-grants'
import { tokenFacts } from './facts.ts'
import { connectRedis, redisStore } from './redis-store.ts'
import { createFetch, type Exchange } from './timeline.ts'

/** What it is told first. */
export interface Task {
  readonly redisUrl: string
  readonly prefix: string
  readonly at: { readonly resourceUrl: string; readonly expectedIssuer: string | undefined }
  readonly service: { readonly clientId: string; readonly clientSecret: string }
  readonly person: {
    readonly clientId: string
    readonly clientSecret: string | undefined
    readonly scope: string | undefined
  }
}

/** Its answer, each time. */
export interface Tokens {
  readonly service: string
  readonly login: string
  readonly facts: string
  readonly isAnswered: boolean
  /** What it has asked for until now, by grant type. */
  readonly asked: readonly string[]
}

// Whoever listens late misses nothing: what was sent before waits for the first listener.
const messages = on(process, 'message', { close: ['disconnect'] })
const [task] = (await messages.next()).value as [Task]

const redis = await connectRedis(task.redisUrl)
const store = redisStore(redis, { prefix: task.prefix })
const exchanges: Exchange[] = []
const fetch = createFetch([], (exchange) => exchanges.push(exchange))
const service = new ClientCredentialsAuth({ ...task.at, ...task.service, store, fetch })
const login = new AuthorizationCodeAuth({ ...task.at, ...task.person, store, fetch }) // nobody is here to be asked

let last: { service?: Token; login?: Token } = {}
for await (const _ of messages) {
  const [forService, forPerson] = await Promise.all([
    service.getToken({ rejected: last.service }),
    login.getToken({ rejected: last.login }),
  ])
  last = { service: forService, login: forPerson }
  const response = await login.fetch(task.at.resourceUrl)
  await response.body?.cancel()
  const tokens: Tokens = {
    service: forService.accessToken,
    login: forPerson.accessToken,
    facts: tokenFacts(forService),
    isAnswered: response.ok,
    asked: exchanges.map(({ asked }) => asked).filter((asked) => asked !== ''),
  }
  process.send?.(tokens)
}
await Promise.all([service.close(), login.close()])
redis.destroy()
