/**
 * What the MCP servers that are made here have: a tool with something to do, a note, and a prompt `greet`.
 *
 * @module
 */

/** Does a task, and says what came of it. The test has it count, or take its time. */
export type Work = (task: string) => string | Promise<string>

/** The argument of the tool `work`. */
export const taskSchema = {
  type: 'object' as const,
  properties: { task: { type: 'string' as const } },
  required: ['task'],
}

/** The resource: a text that changes from time to time. */
export const note = 'note://today'
