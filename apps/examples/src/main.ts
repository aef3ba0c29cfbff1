/**
 * Runs one example: `node main.ts [NUMBER or NAME] [--real URL] [--trace]`.
 *
 * An example ends by itself, and with a failure if what it says did not happen.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { isOAuthError } from '@x/oauth-discovery'
import { course, findLesson, type Lesson, type Variable, variables } from './stage/course.ts'
import { chooseServers } from './stage/servers.ts'
import { setStage } from './stage/stage.ts'

const numbered = course.map((lesson, number) => ({ ...lesson, number: `${number}`.padStart(2, '0') }))

const usage = `npm start                     the main story, on servers that are brought along
npm start -- NAME             one of these, by name or by number
npm start -- NAME --trace     with a waterfall of what happened, and when
npm start -- NAME --real URL  on a server of yours: an MCP server or, marked *, an API

${numbered.map(({ number, name, part, about }) => `  ${number}  ${name.padEnd(22)}${part === 'api' ? '*' : ' '} ${about}`).join('\n')}`

const help = `${usage}

For --real, in the environment (npm prints and logs its command line):

${Array.from(byNeed(), ([need, numbers]) => `  ${numbers.join(' ').padEnd(26)}${folded(need)}`).join('\n')}

${(Object.keys(variables) as Variable[]).map((name) => row(name, variables[name])).join('\n')}

and where you want,

${row('MCP_URL, API_URL', 'the same as --real')}
${row('AS_ISSUER', 'the authorization server; default: the one that the resource names')}
${row('SCOPE', 'default: what the resource asks for')}
${row('MCP_CLIENT_SECRET', 'also where a person signs in, if the server wants it')}
${row('CLIENT_KEY_ALGORITHM', 'what the key signs by; default: ES256')}
${row('CLIENT_KEY_ID', 'the name that the key is registered by, where it has one')}
${row('TOOL', 'the tool to call; default: one that only reads and takes no arguments')}
${row('BROWSER', 'default: the browser of this machine')}
${row('REDIS_URL', 'default: a redis-server of this machine is started')}`

/** Numbers, by what those examples need. */
function byNeed(): Map<string, string[]> {
  const numbers = new Map<string, string[]>()
  for (const { number, real } of numbered) {
    const need = typeof real === 'string' ? 'there is no sense in it' : real.join(', ') || 'nothing more'
    numbers.set(need, [...(numbers.get(need) ?? []), number])
  }
  return numbers
}

function folded(need: string): string {
  return need.replace(/(.{60,}?), /, `$1,\n${' '.repeat(28)}`)
}

function row(name: string, meaning: string): string {
  return `  ${name.padEnd(22)}${meaning}`
}

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', () => process.exit())

try {
  await main()
} catch (error) {
  // Of a failure that has a name the message says all that a reader needs.
  console.error(isForReader(error) ? `\n✗ ${error.name}: ${error.message}` : error)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      real: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      names: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(help)
  if (values.names) return console.log(course.map(({ name }) => name).join('\n'))
  const [word = 'whole-way'] = positionals
  const lesson = findLesson(word)
  if (lesson === undefined) throw new Error(`There is no example ${JSON.stringify(word)}.\n\n${usage}`)
  await play(lesson, values)
}

async function play(
  lesson: Lesson,
  { real, trace }: { real?: string | undefined; trace: boolean },
): Promise<void> {
  await using servers = await chooseServers(lesson, real)
  const program = await lesson.load()
  const inColour = process.stdout.isTTY && !process.env['NO_COLOR']
  await program.run(
    setStage(lesson, servers, { print: (line) => console.log(line), isTraced: trace, inColour }),
  )
}

function isForReader(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const isAboutFlags = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  return isOAuthError(error) || isAboutFlags || error.constructor === Error
}
