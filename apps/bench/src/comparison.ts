/**
 * The measures that decide between clients, beside each other: the table of COMPARISON.md, out of RESULTS.md.
 *
 *     node apps/bench/src/comparison.ts
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { renderRows } from './report.ts'

/** A column of COMPARISON.md, and what the rows of RESULTS.md call it. */
const clients: Readonly<Record<string, readonly string[]>> = {
  ours: ['ours: auth.fetch', 'ours: client credentials', 'ours', '@x/oauth-grants'],
  'official MCP client 2': [
    '@modelcontextprotocol/client',
    '@modelcontextprotocol/client: client credentials',
  ],
  'official SDK 1': [
    '@modelcontextprotocol/sdk (v1)',
    '@modelcontextprotocol/sdk (v1): client credentials',
    '@modelcontextprotocol/sdk/client/index.js',
  ],
  oauth4webapi: ['oauth4webapi', 'oauth4webapi: discovery, client credentials'],
  'openid-client': ['openid-client', 'openid-client: client credentials'],
  'simple-oauth2': ['simple-oauth2', 'simple-oauth2: client credentials'],
  '@badgateway/ oauth2-client': [
    '@badgateway/oauth2-client',
    '@badgateway/oauth2-client: client credentials',
  ],
  'google-auth-library': ['google-auth-library', 'google-auth-library: OAuth2Client'],
}

interface Row {
  readonly what: string
  /** How the heading of the table begins, and its column. */
  readonly table: string
  readonly column: string
}

const loggedIn = 'Many calls at once over HTTP, with a refresh token that is good once'
const service = 'Many calls at once over HTTP, with client credentials'

const rows: readonly Row[] = [
  {
    what: 'From a URL alone to the first answer: requests / of which one waits for another',
    table: 'Round trips over HTTP',
    column: 'resource URL only',
  },
  {
    what: 'A call after the token has ended',
    table: 'Round trips over HTTP',
    column: 'one renewal after the end',
  },
  {
    what: '1,000 calls when a token ends: token requests / failed calls',
    table: service,
    column: '1000 at the end of the token',
  },
  { what: 'The same after it was revoked', table: service, column: '1000 after it was revoked' },
  {
    what: '1,000 calls when the token of somebody who has signed in ends',
    table: loggedIn,
    column: '1000 at the end of the token',
  },
  { what: 'And is the login left?', table: loggedIn, column: 'one more call after the next end' },
  {
    what: 'The server down, the token good: calls that wait / fail, of 100',
    table: service,
    column: '100 near the end, server down: waiting / failed',
  },
  {
    what: 'Added to a call, of what the official client adds',
    table: 'One authorized call',
    column: 'of the official client',
  },
  { what: 'In a browser, kB of gzip', table: 'gzip', column: 'all' },
  { what: 'Import, of a bare start of Node', table: 'CPU time', column: 'of a bare start' },
  { what: 'Bytes for each of 10,000 tenants', table: 'Heap', column: 'one issuer' },
]

/** @throws Error where RESULTS.md has no such table or column any longer */
export function compare(results: string): string {
  const tables = results.split(/^## /m)
  const body = rows.map(({ what, table, column }) => {
    const lines = (tables.find((each) => each.startsWith(table)) ?? '')
      .split('\n')
      .filter((line) => line.startsWith('|'))
    const [head = [], , ...measured] = lines.map((line) => line.split('|').map((cell) => cell.trim()))
    const at = head.indexOf(column)
    if (at === -1) throw new Error(`RESULTS.md has no table ${table} with a column ${column}.`)
    const cells = Object.values(clients).map((names) => {
      const row = names.flatMap((name) => measured.filter((cell) => cell[1] === name))[0]
      return row === undefined ? 'not measured' : row[at] || '–'
    })
    return [what, ...cells]
  })
  return renderRows([['', ...Object.keys(clients)], ...body])
}

/** As in `on 2026-11-27`. */
export function dateOf(results: string): string {
  return /on (\d{4}-\d\d-\d\d)/.exec(results)?.[1] ?? 'an unknown day'
}

/** Replaces the table of the page, and its day. */
export function update(page: string, results: string): string {
  return page
    .replace(/^\|.*\|$(?:\n^\|.*\|$)*/m, () => compare(results))
    .replace(/on \d{4}-\d\d-\d\d/, `on ${dateOf(results)}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const place = new URL('../../../COMPARISON.md', import.meta.url)
  const results = await readFile(new URL('../RESULTS.md', import.meta.url), 'utf8')
  await writeFile(place, update(await readFile(place, 'utf8'), results))
}
