/**
 * Runs one example: `node main.ts [NAME] [--flag value ...]`.
 *
 * An example ends by itself, and with a failure if what it says did not happen.
 *
 * @module
 */
import { isOAuthError } from '@x/oauth-grants'
import { runAuthorizationCode } from './authorization-code.ts'
import { runDeviceCode } from './device-code.ts'
import { runDiscover } from './discover.ts'
import { runDpop } from './dpop.ts'
import { runEnterpriseManaged } from './enterprise-managed.ts'
import { runHttpApi } from './http-api.ts'
import { runLogin } from './login.ts'
import { runMcp } from './mcp.ts'
import { runOfficialSdk } from './official-sdk.ts'
import { runPrivateKeyJwt } from './private-key-jwt.ts'
import { runRedis } from './redis.ts'
import { flags } from './servers.ts'
import { runTokenExchange } from './token-exchange.ts'
import { runTwoServers } from './two-servers.ts'
import { runWholeWay } from './whole-way.ts'
import { runWorkloadIdentity } from './workload-identity.ts'

const examples = {
  'whole-way': {
    run: runWholeWay,
    about: 'the main story: discover, authenticate, call a tool, renew (default)',
  },
  discover: {
    run: runDiscover,
    about: 'who may issue a token for a URL; needs no credentials (--resource only)',
  },
  'http-api': { run: runHttpApi, about: 'client credentials against a plain HTTP API' },
  mcp: { run: runMcp, about: 'client credentials through MCP' },
  'official-sdk': {
    run: runOfficialSdk,
    about: 'a program on the official SDK, which gets its tokens by one line',
  },
  'private-key-jwt': {
    run: runPrivateKeyJwt,
    about: 'a service that has a key in place of a secret, through MCP',
  },
  dpop: { run: runDpop, about: 'a token that is of no use to a thief, and a plain HTTP API' },
  'token-exchange': {
    run: runTokenExchange,
    about: 'a gateway that acts for each of its users, through MCP',
  },
  'authorization-code': {
    run: runAuthorizationCode,
    about: 'a person who signs in in a browser, through MCP',
  },
  'two-servers': {
    run: runTwoServers,
    about: 'a person, and an agent at two MCP servers, one of which wants more scope',
  },
  'device-code': {
    run: runDeviceCode,
    about: 'a person who signs in on another device, and a plain HTTP API',
  },
  login: { run: runLogin, about: 'a command-line login that is asked for once, and a plain HTTP API' },
  redis: {
    run: runRedis,
    about: 'a fleet that shares its tokens, and one renewal of each; needs Redis, and a plain HTTP API',
  },
  'workload-identity': {
    run: runWorkloadIdentity,
    about: 'a program that its platform vouches for, through MCP',
  },
  'enterprise-managed': {
    run: runEnterpriseManaged,
    about: 'a user whose employer decides, and who is not asked, through MCP',
  },
}

const help = `npm start                     run the main story against embedded servers
npm start -- NAME             run one of these:

${Object.entries(examples)
  .map(([name, { about }]) => `  ${name.padEnd(20)}${about}`)
  .join('\n')}

They talk to servers of your own if you give

${flags}`

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', () => process.exit())

const [first = '', ...rest] = process.argv.slice(2)
try {
  await main()
} catch (error) {
  // Of a failure that has a name the message says all that a reader needs.
  console.error(isForReader(error) ? `\n✗ ${error.name}: ${error.message}` : error)
  process.exitCode = 1
}

async function main(): Promise<void> {
  if (first === '--help' || rest.includes('--help')) return console.log(help)
  if (first === '--names') return console.log(Object.keys(examples).join('\n'))
  const isNamed = first !== '' && !first.startsWith('-')
  const name = isNamed ? first : 'whole-way'
  if (!isExample(name)) throw new Error(`There is no example ${JSON.stringify(name)}.\n\n${help}`)
  await examples[name].run(isNamed ? rest : process.argv.slice(2), (line) => console.log(line))
}

function isForReader(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const isAboutFlags = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  return isOAuthError(error) || isAboutFlags || error.constructor === Error
}

function isExample(name: string): name is keyof typeof examples {
  return Object.hasOwn(examples, name)
}
