/**
 * What is measured: a client with as little around it as its own documentation asks for.
 *
 * @module
 */
import type { Given, Place } from './place.ts'

/** A client that has all it needs, or finds it with its first call. */
export interface Caller {
  /** One authorized request. */
  readonly call: (url: string) => Promise<{ readonly status: number }>
  readonly close?: () => Promise<void>
}

export interface Peer {
  readonly name: string
  /** The documented pattern that the glue follows. */
  readonly pattern: string
  /** How little it can start from. */
  readonly startsFrom: readonly Given[]
  /** Whether it has a notion of a token that has ended, and of one that was refused. */
  readonly renews: { readonly ended: boolean; readonly refused: boolean }
  readonly open: (place: Place) => Caller | Promise<Caller>
}

/** What a program would be told that knows whom it trusts: the issuer, or where the client cannot read that one's document, its token endpoint. */
export function usuallyGiven({ startsFrom }: Pick<Peer, 'startsFrom'>): Given {
  return startsFrom.includes('issuer') ? 'issuer' : 'endpoint'
}

/** What one run of a program leaves to the next one. */
export type Memory = Map<string, unknown>

export interface McpCaller {
  readonly listTools: () => Promise<unknown>
  /** One call of a tool that only reads. */
  readonly whoami: () => Promise<{ readonly isError?: unknown }>
  readonly close: () => Promise<void>
}

export interface McpPeer {
  readonly name: string
  readonly pattern: string
  /** Connects; with a memory it keeps there what it can use again. */
  readonly connect: (place: Place, memory?: Memory) => Promise<McpCaller>
}
