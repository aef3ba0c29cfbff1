import type { MCPClient } from '@x/mcp-client'

export type Tool = Awaited<ReturnType<MCPClient['listTools']>>['tools'][number]
export type ToolAnswer = Awaited<ReturnType<MCPClient['callTool']>>

/** A tool that can be called on a server that is not ours: it says that it only reads, and takes no arguments. */
export function harmlessTool(tools: readonly Tool[]): string {
  const found = tools.find(
    ({ annotations, inputSchema }) => annotations?.readOnlyHint === true && !inputSchema.required?.length,
  )
  if (found !== undefined) return found.name
  const names = tools.map(({ name }) => name).join(', ')
  throw new Error(
    `No tool of this server says that it only reads and takes no arguments, so none is called. Name one with --tool: ${names}`,
  )
}

/** The text of an answer, on one line. */
export function textOf({ content }: ToolAnswer): string {
  return content
    .map((part) => (part.type === 'text' ? part.text.replaceAll(/\s+/g, ' ') : `(${part.type})`))
    .join(' ')
}
