import { readFile } from 'node:fs/promises'
import { discoverAuthorizationServer, fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import { type Lesson, type Variable, variables } from './course.ts'
import type { Servers } from './servers.ts'

/** Servers that are there already, and what the environment says of them. */
export async function findReal(lesson: Lesson, url: string): Promise<Servers> {
  if (!URL.canParse(url)) throw new Error(`--real wants the URL of a server, and not ${JSON.stringify(url)}.`)
  demand(lesson)
  const { env } = process
  const clientId = lesson.as === 'workload' ? '' : the('MCP_CLIENT_ID')
  return {
    url,
    clientId,
    clientSecret: env['MCP_CLIENT_SECRET'],
    expectedIssuer: env['AS_ISSUER'],
    scope: env['SCOPE'],
    async serverMetadata() {
      const { authorizationServerMetadata } = await discoverAuthorizationServer(url)
      const { issuer, token_endpoint } = authorizationServerMetadata
      return { issuer, ...(token_endpoint !== undefined && { token_endpoint }) }
    },
    otherUrl: async () => the('OTHER_MCP_URL'),
    service: () => ({ clientId: the('SERVICE_CLIENT_ID'), clientSecret: the('SERVICE_CLIENT_SECRET') }),
    key: async () => ({
      key: await readFile(the('CLIENT_KEY_FILE'), 'utf8'),
      algorithm: env['CLIENT_KEY_ALGORITHM'] ?? 'ES256',
      keyId: env['CLIENT_KEY_ID'],
    }),
    tool: env['TOOL'],
    refuse: async (auth) => void (await auth.getToken({ rejected: await auth.getToken() })),
    person: openBrowser,
    testbed: undefined,
    isEmbedded: false,
    userToken: async () => the('SUBJECT_TOKEN'),
    workload: () => readFile(the('WORKLOAD_TOKEN_FILE'), 'utf8'),
    employer: async () => ({
      serverMetadata: await fetchAuthorizationServerMetadata(the('IDP_ISSUER')),
      clientId: the('IDP_CLIENT_ID'),
      clientSecret: the('IDP_CLIENT_SECRET'),
      identityToken: () => the('ID_TOKEN'),
    }),
    async [Symbol.asyncDispose]() {},
  }
}

const the = (name: Variable): string => process.env[name] ?? ''

function demand({ name, real }: Lesson): void {
  if (typeof real === 'string') throw new Error(`${name} has no use for a real server. ${real}`)
  const missing = real.filter((each) => the(each) === '')
  if (missing.length === 0) return
  const rows = missing.map((each) => `  ${each.padEnd(22)}${variables[each]}`)
  throw new Error(`For ${name} on a real server this is missing in the environment:\n\n${rows.join('\n')}`)
}

async function openBrowser(url: string): Promise<void> {
  const { default: open } = await import('open')
  const { BROWSER } = process.env
  await open(url, BROWSER === undefined ? {} : { app: { name: BROWSER } })
}
