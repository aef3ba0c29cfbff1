/**
 * The process that is attacked: makes the call of an attack, and tells what came of it.
 *
 * @module
 */
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { isIP } from 'node:net'
import { inspect } from 'node:util'
import { type DiscoveryEvent, discoverAuthorizationServer, inspectResource } from '../../src/index.ts'
import { type Attack, type Outcome, type Ports, resource, type Victim } from './attack.ts'
import { attacks } from './attacks.ts'
import { makeFetch } from './lead-here.ts'

export interface Order {
  readonly attack: string
  readonly ports: Ports
}

async function suffer(attack: Pick<Attack, 'call' | 'names'>, ports: Ports): Promise<Outcome> {
  const events: DiscoveryEvent[] = []
  const { fetch, end } = makeFetch(ports)
  const options = { fetch, timeoutMs: 1500, onEvent: (event: DiscoveryEvent) => void events.push(event) }
  const victim: Victim = {
    fetch,
    ports,
    options,
    discover: (more) => discoverAuthorizationServer(resource, { ...options, ...more }),
    inspect: (more) => inspectResource(resource, { ...options, ...more }),
  }
  answerNames(attack.names ?? {})
  const grown = watchMemory()
  const came = await attack.call(victim).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  const grownMb = grown()
  await end()
  const all = [...Object.values(came), events]
  const text = all.map((each) => inspect(each, { depth: 20, maxArrayLength: null, maxStringLength: null }))
  return { ...('error' in came ? { error: describe(came.error) } : came), text: text.join('\n'), grownMb }
}

/** By looking often: the system's own peak of a process begins with that of the one that has started it. */
function watchMemory(): () => number {
  const before = process.memoryUsage.rss()
  let peak = before
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const timer = setInterval(look, 2)
  return () => {
    look()
    clearInterval(timer)
    return (peak - before) / 1_048_576
  }
}

/** Errors lose members on the way to another process, and what is given to `console.log` is in `text`. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { error }
  const { name, message, cause } = error
  return { ...(error as object), name, message, ...(cause !== undefined && { cause: describe(cause) }) }
}

const { lookup } = dns

function answerNames(names: NonNullable<Attack['names']>): void {
  const left = new Map(Object.entries(names).map(([name, answers]) => [name, [...answers]]))
  const answer = (name: string, _: unknown, done: (error: null, found: dns.LookupAddress[]) => void) => {
    const answers = left.get(name) ?? []
    const addresses = answers.length > 1 ? answers.shift() : answers[0]
    done(null, addresses?.map((address) => ({ address, family: isIP(address) })) ?? [])
  }
  dns.lookup = left.size === 0 ? lookup : (answer as typeof lookup) // the one shape in which it is asked here
  syncBuiltinESMExports()
}

process.on('message', ({ attack: name, ports }: Order) => {
  const attack = attacks.find((each) => each.attack === name)
  // Without an attack it only warms up: what is loaded once is nobody's fault.
  const suffering = suffer(attack ?? { call: ({ discover }) => discover() }, ports)
  void suffering.then((outcome) => process.send?.(outcome))
})
process.on('disconnect', () => process.exit())
