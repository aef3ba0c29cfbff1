/**
 * How a case, wherever it runs, has servers started and broken: one POST of JSON for each act.
 *
 * @module
 */
import type { Arrival, Context, Place, PlaceOptions } from './case.ts'

/** What the servers of a case are, when they have been started. */
export type Addresses = Pick<Place, 'issuer' | 'tokenEndpoint' | 'mcpUrl' | 'apiUrl' | 'sessionsUrl'>

/** The acts, and what each takes and gives. */
export interface Acts {
  open: [PlaceOptions, Addresses]
  close: [null, null]
  break: [Parameters<Place['break']>, null]
  heal: [null, null]
  count: [Parameters<Place['count']>, number]
  arrivals: [Parameters<Place['arrivals']>, readonly Arrival[]]
  clear: [null, null]
  refuse: [Parameters<Place['refuse']>, null]
  runs: [Parameters<Place['runs']>, number]
  vouch: [null, string]
  forgetSessions: [null, null]
  agree: [string, string]
}

/** @param url of the control server */
export function controlAt(url: string) {
  async function act<Name extends keyof Acts>(name: Name, given: Acts[Name][0]): Promise<Acts[Name][1]> {
    // As text it needs no preflight.
    const response = await fetch(`${url}/${name}`, { method: 'POST', body: JSON.stringify(given) })
    if (!response.ok) throw new Error(`the servers could not ${name}: ${await response.text()}`)
    return response.json()
  }

  async function open(options: PlaceOptions = {}): Promise<Place> {
    const addresses = await act('open', options)
    const nothing = (done: Promise<null>) => done.then(() => {})
    return {
      ...addresses,
      break: (...given) => nothing(act('break', given)),
      heal: () => nothing(act('heal', null)),
      count: (...given) => act('count', given),
      arrivals: (...given) => act('arrivals', given),
      clear: () => nothing(act('clear', null)),
      refuse: (...given) => nothing(act('refuse', given)),
      runs: (...given) => act('runs', given),
      vouch: () => act('vouch', null),
      forgetSessions: () => nothing(act('forgetSessions', null)),
    }
  }

  const agree: Context['agree'] = (page) => act('agree', String(page))
  return { open, agree, close: () => act('close', null) }
}
