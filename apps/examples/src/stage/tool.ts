import type { MCPClient } from '@x/mcp-client'

export type Tool = Awaited<ReturnType<MCPClient['listTools']>>['tools'][number]
export type ToolAnswer = Awaited<ReturnType<MCPClient['callTool']>>

/** The named one; else one that can be called on a server that is not ours: it says that it only reads, and takes no arguments. */
export function chooseTool(tools: readonly Tool[], named: string | undefined): string {
  const isHarmless = ({ annotations, inputSchema }: Tool) =>
    annotations?.readOnlyHint === true && !inputSchema.required?.length
  const found = tools.find((tool) => (named === undefined ? isHarmless(tool) : tool.name === named))
  if (found !== undefined) return found.name
  const names = tools.map(({ name }) => name).join(', ')
  throw new Error(
    named === undefined
      ? `No tool of this server says that it only reads and takes no arguments, so none is called. Name one with --tool: ${names}`
      : `This server has no tool ${JSON.stringify(named)}. It has: ${names}`,
  )
}

/** The text of an answer, on one line. */
export function textOf({ content }: ToolAnswer): string {
  return content
    .map((part) => (part.type === 'text' ? part.text.replaceAll(/\s+/g, ' ') : `(${part.type})`))
    .join(' ')
}
