/**
 * The programs of the READMEs and of the pages beside them: every `ts` block is a whole one, to be copied and run as it is.
 *
 * What stands behind `ts` says how one is run that does not just run and end: `visited` for a server, which somebody
 * opens in a browser; `hosted` for a module that something else calls, and `hosted visited` for both. `compiled: …` says
 * why one is not run.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { agree, type TestbedProcess, testClients } from '@x/testbed'
import { surroundings } from './played-providers.ts'
import { find, packages, readText, root } from './repository.ts'

export interface Program {
  /** Where it stands, as in `packages/oauth-grants/README.md, program 2`. */
  readonly name: string
  readonly file: string
  readonly text: string
  /** How it is run: as it is, opened in a browser, called by a host. */
  readonly ways: readonly string[]
  /** Why it is not run. */
  readonly compiledOnly: string | undefined
  /** The providers answer as they are documented to. */
  readonly isPlayed: boolean
}

/** Where programs that are not run say why. */
const compiled = 'compiled: '

const played = 'packages/oauth-grants/PROVIDERS.md'

/** Every page that must show a program. */
export const readmes: readonly string[] = ['README.md', ...packages.map((folder) => `${folder}/README.md`)]

/** Every page that shows one. */
export const pages: readonly string[] = find('*.md', '{packages,apps}/*/*.md').filter(
  (page) => listPrograms(readText(page)).length > 0,
)

export function readPrograms(page: string): Program[] {
  return listPrograms(readText(page)).map(({ text, words }, index) => ({
    name: `${page}, program ${index + 1}`,
    file: `${page.replace(/\.md$/, '').replaceAll('/', '-')}-${index + 1}.ts`,
    text,
    ways: words.split(' '),
    compiledOnly: words.startsWith(compiled) ? words.slice(compiled.length) : undefined,
    isPlayed: page === played,
  }))
}

/** The `ts` blocks of a page, also of those in lists, with the words after the language. */
export function listPrograms(page: string): { readonly text: string; readonly words: string }[] {
  const blocks = page.matchAll(/^([ \t]*)```(?:ts|typescript)\b([^\n]*)\n(.*?)^\1```/gms)
  return Array.from(blocks, ([, indent = '', words = '', text = '']) => ({
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    words: words.trim(),
  }))
}

/** What Node is told to run a program. */
export function argumentsOf({ file, ways, isPlayed }: Program): string[] {
  const ours = (name: string) => join(root, 'apps/gates/src', name)
  const preloads = ['person.ts', ...(isPlayed ? ['play-providers.ts'] : [])]
  const preloaded = preloads.flatMap((name) => ['--import', ours(name)])
  const hosted = [...(ways.includes('hosted') ? [ours('hosted.ts')] : []), file]
  const sources = '--conditions=@x/source'
  return ways.includes('visited')
    ? [sources, ours('visited.ts'), sources, ...preloaded, ...hosted]
    : [sources, ...preloaded, ...hosted]
}

/** Beside the packages that this workspace depends on, so that imports are found as a reader's would be. */
export const folder: string = join(root, 'apps/gates/.programs')

/** Replaces what an earlier run has left, and makes the folder a TypeScript project under the strict base. */
export async function writePrograms(programs: readonly Program[]): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  const project = {
    extends: '../../../tsconfig.base.json',
    // What a program exports is for a host, and not for other packages.
    compilerOptions: { customConditions: ['@x/source'], types: ['node'], isolatedDeclarations: false },
    include: ['*.ts'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project))
  await Promise.all(programs.map(({ file, text }) => writeFile(join(folder, file), text)))
}

/** All that a program may know of its surroundings: a service that has a secret, or a program for people that has none. */
export async function environment({
  issuer,
  mcpUrl,
  apiUrl,
}: TestbedProcess): Promise<NodeJS.ProcessEnv & { HOME: string }> {
  return {
    PATH: process.env['PATH'],
    // What is kept for a user is kept here.
    HOME: await mkdtemp(join(tmpdir(), 'reader-')),
    MCP_URL: mcpUrl,
    API_URL: apiUrl,
    AS_ISSUER: issuer,
    MCP_CLIENT_ID: testClients.worker.clientId,
    MCP_CLIENT_SECRET: testClients.worker.clientSecret,
    CLIENT_ID: testClients.cli.clientId,
    APP_CLIENT_ID: testClients.app.clientId,
    APP_CLIENT_SECRET: testClients.app.clientSecret,
    USER_TOKEN: await signUserIn(apiUrl),
  }
}

/** What a program may know where the providers answer. */
export function playedEnvironment({ PATH, HOME, USER_TOKEN }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH, HOME, USER_TOKEN, ...surroundings }
}

/** The token of somebody who has signed in at the API. */
async function signUserIn(apiUrl: string): Promise<string> {
  await using auth = await AuthorizationCodeAuth.fromResource({
    ...testClients.cli,
    resourceUrl: apiUrl,
    scope: 'api:read mcp:tools',
    redirectUri: 'http://127.0.0.1/callback',
    authorize: (url) => agree(url),
  })
  return (await auth.getToken()).accessToken
}
