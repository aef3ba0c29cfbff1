/**
 * What is measured: a client with as little around it as its own documentation asks for.
 *
 * @module
 */
import type { Given, Place } from './place.ts'

/** A client that has all it needs, or finds it with its first call. */
export interface Caller {
  /** One authorized request. */
  call(url: string): Promise<{ readonly status: number }>
  close?(): Promise<void>
}

export interface Peer {
  readonly name: string
  /** The documented pattern that the glue follows. */
  readonly pattern: string
  /** How little it can start from. */
  readonly startsFrom: readonly Given[]
  /** Whether it has a notion of a token that has ended, and of one that was refused. */
  readonly renews: { readonly ended: boolean; readonly refused: boolean }
  open(place: Place): Caller | Promise<Caller>
}

/** What one run of a program leaves to the next one. */
export type Memory = Map<string, unknown>

export interface McpCaller {
  listTools(): Promise<unknown>
  /** One call of a tool that only reads. */
  whoami(): Promise<{ readonly isError?: unknown }>
  close(): Promise<void>
}

export interface McpPeer {
  readonly name: string
  readonly pattern: string
  /** Connects; with a memory it keeps there what it can use again. */
  connect(place: Place, memory?: Memory): Promise<McpCaller>
}
