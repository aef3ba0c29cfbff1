/**
 * What an attack is made of. The table is read on both sides: the test's process lays out `web`, and the victim's
 * process makes the `call`.
 *
 * @module
 */
import type { DiscoverOptions, Fetch, InspectOptions } from '../../src/index.ts'
import type { Page } from './pages.ts'

export interface Attack {
  /** Of `guards.ts`: the one without which this attack succeeds. */
  readonly guard: string
  /** What the server does. */
  readonly attack: string
  /** The requirement or the section that says so. */
  readonly rule: string
  /** By URL. What is not in it answers 404. */
  readonly web: Readonly<Record<string, Page>>
  readonly call: (victim: Victim) => Promise<unknown>
  /** A part of what has to come of it. */
  readonly outcome: Partial<Record<keyof Outcome, unknown>>
  /** All requests that arrive, in any order. */
  readonly seen: readonly string[]
  /** Requests that arrive or not, as the clock has it. */
  readonly mayBeSeen?: readonly string[] | undefined
  /** Pages that are laid out, and that nobody may ask for. */
  readonly unseen?: readonly string[] | undefined
  /** What no error and no event may hold. */
  readonly untold?: RegExp | undefined
  /** How much memory the call may take, in MB, made in a process of its own. Default: 96, in a process of many. */
  readonly memory?: number | undefined
  /** What names lead to, one list of addresses for each time that they are looked up; the last one stays. */
  readonly names?: Readonly<Record<string, readonly (readonly string[])[]>> | undefined
}

/** What an attack can make use of in the victim's process. */
export interface Victim {
  /** Leads every host to the servers of the test. For the option `fetch`. */
  readonly fetch: Fetch
  readonly ports: Ports
  /** The public calls for the usual resource, with that `fetch` and little patience. */
  readonly discover: (options?: DiscoverOptions) => Promise<unknown>
  readonly inspect: (options?: InspectOptions) => Promise<unknown>
  /** What every call is given. */
  readonly options: Pick<DiscoverOptions, 'fetch' | 'timeoutMs' | 'onEvent'>
}

export interface Ports {
  readonly http: number
  readonly https: number
}

export interface Outcome {
  readonly value?: unknown
  /** Its members that programs look at. */
  readonly error?: object | undefined
  /** All that a program could write down of it: the error with all inside it, and the events. */
  readonly text: string
  /** How much the peak of the process's memory has grown, in MB. */
  readonly grownMb: number
}

export const resource = 'https://rs.example/mcp'
/** Where the resource's document is, and the one of its whole host. */
export const wellKnown = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
export const root = 'https://rs.example/.well-known/oauth-protected-resource'
export const issuer = 'https://as.example'
export const server = 'https://as.example/.well-known/oauth-authorization-server'
export const openid = 'https://as.example/.well-known/openid-configuration'

export const document = { resource, authorization_servers: [issuer] }
export const metadata = { issuer, token_endpoint: 'https://as.example/token' }
/** What the attacker would like to be used. */
export const evilServer = 'https://evil.example/.well-known/oauth-authorization-server'
export const evil = { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }
export const evilDocument = { resource, authorization_servers: ['https://evil.example'] }
