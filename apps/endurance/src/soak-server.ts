// The testbed of the soak, as a process of its own: sends its addresses, breaks its token endpoint from `begin` on, and
// answers `report` with what arrived there.
import { startTestbed } from '@x/testbed'
import { type Arrived, lifeSeconds, spoilingPlan } from './soak-plan.ts'

const { authorizationServer, api } = await startTestbed({
  accessTokenSeconds: lifeSeconds,
  // The end that a token says is up to a second before the one that the token endpoint promised; and on a busy machine it
  // ends on its way. What counts here is when the caller holds it for good.
  clockToleranceSeconds: 10,
  // Without it the first answer that is lost is the end of a refresh token.
  refreshGraceSeconds: 60,
})
const plan = spoilingPlan(10_000)

// Of calls there are many, and nobody reads them.
setInterval(() => api.journal.clear(), 1_000).unref()
process.once('disconnect', () => process.exit())
process.on('message', (message) => {
  if (message === 'begin') begin()
  if (message === 'report') process.send?.(report())
})
process.send?.({ issuer: authorizationServer.issuer, url: api.url })

function begin(): void {
  authorizationServer.journal.clear()
  for (const fault of plan) authorizationServer.faults.add(fault, { path: '/token', times: 1 })
}

function report(): Arrived[] {
  const arrivals = authorizationServer.journal.arrivals.filter(({ path }) => path === '/token')
  return arrivals.map(({ at, body }) => {
    const isRefresh = new URLSearchParams(body).get('grant_type') === 'refresh_token'
    return { credential: isRefresh ? 'refresh token' : 'client credentials', at }
  })
}
