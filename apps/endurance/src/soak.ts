// Does it last? Tokens of two seconds from a server in a process of its own, whose token endpoint fails a fifth of the time;
// calls all the while. Ends with status 1 if a call failed while there was a good token, if there were more token requests
// than there had to be, or if memory grew.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { memoryStore } from '@x/oauth-grants'
import { createAuth, credentials, type Place } from './credential.ts'
import { noteRequests } from './notes.ts'
import { createSeries } from './soak-calls.ts'
import { type Heap, judge } from './soak-judgement.ts'
import { type Arrived, timeoutMs } from './soak-plan.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } })
const seconds = Number(values.seconds)
/** A second, of each credential. */
const rate = 200

const server = fork(fileURLToPath(new URL('./soak-server.ts', import.meta.url)), { execArgv: [] })
const place = await answerOf<Place>(server)
const runs = credentials.map((credential) => {
  const { fetch, notes } = noteRequests()
  const store = memoryStore()
  const auth = createAuth(credential, place, { timeoutMs, fetch, store })
  return { credential, auth, store, notes, series: createSeries(() => auth.fetch(place.url)) }
})
// The first answers of a server that has just started take longer than we wait later; and somebody has to sign in.
for (const { credential, store } of runs) await createAuth(credential, place, { store }).getToken()
server.send('begin')

const startedAt = Date.now()
const settled = () => Promise.all(runs.map(({ series }) => series.settled()))
const heap: Heap = { quarter: 0, end: 0 }
let begun = 0
while (Date.now() - startedAt < seconds * 1_000) {
  for (const due = ((Date.now() - startedAt) / 1_000) * rate; begun < due; begun += 1) {
    for (const { series } of runs) series.call()
  }
  if (heap.quarter === 0 && Date.now() - startedAt > seconds * 250) {
    await settled()
    heap.quarter = heapUsed()
  }
  await sleep(5)
}
await settled()
heap.end = heapUsed()
const endedAt = Date.now()

const report = answerOf<Arrived[]>(server)
server.send('report')
const { text, complaints } = judge({ startedAt, endedAt, runs, arrived: await report, heap })
for (const { auth } of runs) await auth[Symbol.asyncDispose]()
server.disconnect()
console.log(text)
for (const each of complaints) console.error(each)
process.exitCode = complaints.length === 0 ? 0 : 1

/** The next message; the two programs are of one piece. */
async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('Start it with --expose-gc: memory is measured.')
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
