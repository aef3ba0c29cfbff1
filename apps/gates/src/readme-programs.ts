/**
 * The programs of the READMEs and of the pages beside them: every `ts` block is a whole one, to be copied and run as it is.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { agree, type TestbedProcess, testClients } from '@x/testbed'
import { exists, packages, readText, root } from './repository.ts'

export interface Program {
  /** Where it stands, as in `packages/oauth-grants/README.md, program 2`. */
  readonly name: string
  readonly file: string
  readonly text: string
}

/** Every page that must show a program. */
export const pages: readonly string[] = [
  'README.md',
  ...packages.map((folder) => `${folder}/README.md`),
  'packages/oauth-grants/RECIPES.md',
  'packages/oauth-grants/STORES.md',
]

/** None for a page that is not there. */
export function readPrograms(page: string): Program[] {
  return exists(page)
    ? listPrograms(readText(page)).map((text, index) => ({
        name: `${page}, program ${index + 1}`,
        file: `${page.replace(/\.md$/, '').replaceAll('/', '-')}-${index + 1}.ts`,
        text,
      }))
    : []
}

/** The `ts` blocks of a page, also of those in lists and with words after the language. */
export function listPrograms(page: string): string[] {
  const blocks = page.matchAll(/^([ \t]*)```(?:ts|typescript)\b[^\n]*\n(.*?)^\1```/gms)
  return Array.from(blocks, ([, indent = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

/** Beside the packages that this workspace depends on, so that imports are found as a reader's would be. */
export const folder: string = join(root, 'apps/gates/.programs')

/** Replaces what an earlier run has left, and makes the folder a TypeScript project under the strict base. */
export async function writePrograms(programs: readonly Program[]): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  const project = {
    extends: '../../../tsconfig.base.json',
    compilerOptions: { customConditions: ['@x/source'], types: ['node'] },
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
    USER_TOKEN: await signUserIn(apiUrl),
  }
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
