import type { Testbed } from '@x/testbed'
import type { Stage } from './stage.ts'
import { describeBody } from './timeline.ts'
import { startWorker } from './workerd.ts'

/** The Worker of 15-worker.ts in workerd, and six who come to it at once, and one more. */
export async function run({ url, clientId, clientSecret = '', testbed, ...stage }: Stage): Promise<void> {
  const env = { API_URL: url, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret }
  await using worker = await startWorker('15-worker.ts', env, stage.say)
  const come = async () => {
    const response = await fetch(worker.url)
    return { status: response.status, text: await response.text() }
  }

  const [first, ...others] = await Promise.all([come(), come(), come(), come(), come(), come()])
  const last = await come()

  if (testbed !== undefined) overhear(testbed, stage)
  stage.report({ worker: worker.url, api: url, answer: first.text.replaceAll(/\s+/g, ' ').slice(0, 200) })
  const areAnswered = [first, ...others, last].every(
    ({ status, text }) => status === 200 && text === first.text,
  )
  stage.claim('seven people came to the Worker, and each was given what the API answered', areAnswered)
  if (testbed === undefined) return
  const count = stage.exchanges.filter(({ asked }) => asked === 'client_credentials').length
  stage.claim('with one token, which six of them had waited for', count === 1)
}

/** What a Worker sends does not pass through here: the servers say what came. */
function overhear({ authorizationServer, api }: Testbed, { tell }: Pick<Stage, 'tell'>): void {
  const arrivals = [authorizationServer, api].flatMap(({ origin, journal }) =>
    journal.arrivals.map((arrival) => ({ ...arrival, origin })),
  )
  const ends = arrivals.map((arrival) => ({ ...arrival, end: arrival.answeredAt ?? arrival.at }))
  for (const { method, origin, path, status, at, end, body } of ends.toSorted((a, b) => a.end - b.end)) {
    const url = new URL(path, origin)
    const address = url.origin + url.pathname
    tell({
      type: 'request',
      at: end,
      flow: '',
      method,
      url: address,
      status,
      ms: end - at,
      asked: describeBody(body),
    })
  }
}
