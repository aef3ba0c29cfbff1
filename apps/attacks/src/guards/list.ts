import { discoveryGuards } from './discovery.ts'
import { grantsGuards } from './grants.ts'
import type { Guard } from './guard.ts'
import { mcpClientGuards } from './mcp-client.ts'

/** All guards, in the order of a request's way. */
export const guards: readonly Guard[] = [...discoveryGuards, ...grantsGuards, ...mcpClientGuards]

/** The source of a file without that guard. */
export function sourceWithout({ name, file, search, replace }: Guard, source: string): string {
  const parts = source.split(search)
  if (parts.length !== 2) throw new Error(`${name}: its text is ${parts.length - 1} times in ${file}.`)
  return parts.join(replace)
}
