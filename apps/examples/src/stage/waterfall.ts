/**
 * What happened, and when, as lines of text: each request as a bar, and between them what was decided.
 *
 * Of what strangers have sent only known words are shown, so no secret can be among them.
 *
 * @module
 */
import { decisionOf } from './decision.ts'
import type { Exchange, Happening } from './timeline.ts'

/** `at` and `end`: ms since the first of all rows. */
export interface RequestRow {
  readonly kind: 'request'
  readonly at: number
  readonly end: number
  /** A letter in place of the host. */
  readonly server: string
  readonly method: string
  readonly path: string
  readonly status: number | undefined
  /** A grant type, or a method of MCP. */
  readonly asked: string
  /** What became of a document, or the code of a failure. */
  readonly outcome: string
  /** Its place among those that ran side by side. */
  readonly beside: Beside
}

interface DecisionRow {
  readonly kind: 'decision'
  readonly at: number
  readonly text: string
  readonly beside: Beside
}

type Beside = 'first' | 'between' | 'last' | 'alone'

export type Row = RequestRow | DecisionRow

export interface Waterfall {
  /** By letter. */
  readonly servers: ReadonlyMap<string, { readonly host: string; readonly role: string }>
  readonly rows: readonly Row[]
  readonly totalMs: number
}

interface Draft {
  readonly kind: 'request' | 'decision'
  /** ms since the epoch. */
  readonly at: number
  readonly end: number
  readonly request?: Pick<Exchange, 'method' | 'url' | 'asked'>
  status?: number | undefined
  outcome: string
  readonly text: string
}

export function layOut(happenings: readonly Happening[]): Waterfall {
  const drafts = draft(happenings).toSorted((a, b) => a.at - b.at)
  const start = drafts[0]?.at ?? 0
  const servers = new Map<string, { letter: string; role: string }>()
  const rows = drafts.map((each, index): Row => {
    const [at, beside] = [each.at - start, placeOf(index, drafts)]
    if (each.request === undefined) return { kind: 'decision', at, text: each.text, beside }
    const { method, url, asked } = each.request
    const { host, pathname: path } = new URL(url)
    const { letter, role } = servers.get(host) ?? { letter: letterOf(servers.size), role: '' }
    servers.set(host, { letter, role: roleOf(path) || role })
    const { status, outcome } = each
    return {
      kind: 'request',
      at,
      end: each.end - start,
      server: letter,
      method,
      path,
      status,
      asked,
      outcome,
      beside,
    }
  })
  return {
    servers: new Map(Array.from(servers, ([host, { letter, role }]) => [letter, { host, role }])),
    rows,
    totalMs: Math.max(0, ...drafts.map(({ end }) => end)) - start,
  }
}

/** In the order of their ends: of requests the fetch tells, and `exchange` what was made of the answer. */
function draft(happenings: readonly Happening[]): Draft[] {
  const drafts: Draft[] = []
  let now = 0
  for (const each of happenings) {
    // Some clocks count whole milliseconds: nothing is told before what it was told after.
    now = Math.max(now, each.at)
    const last = (isIt: (row: Draft) => boolean) => drafts.findLast((row) => isIt(row) && row.outcome === '')
    if (each.type === 'request') {
      const { at, ms, status } = each
      drafts.push({ kind: 'request', at: at - ms, end: at, request: each, status, outcome: '', text: '' })
    } else if (each.type === 'exchange') {
      const { at, ms, method, url, status, code = '' } = each
      const known = last(({ request }) => request?.method === method && isSame(request.url, url))
      if (known) known.outcome = code
      else {
        const request = { method, url, asked: '' }
        drafts.push({ kind: 'request', at: at - ms, end: at, request, status, outcome: code, text: '' })
      }
    } else if (each.type === 'candidate') {
      const { url, outcome, code } = each
      const word = code === undefined ? outcome : `${outcome}, ${code}`
      const known = last(({ request }) => request !== undefined && isSame(request.url, url))
      const text = `${new URL(url).pathname}, which is known: ${word}`
      if (known) known.outcome = word
      else drafts.push({ kind: 'decision', at: now, end: now, outcome: '', text })
    } else {
      const text = decisionOf(each)
      if (text !== '') drafts.push({ kind: 'decision', at: now, end: now, outcome: '', text })
    }
  }
  return drafts
}

const isSame = (one: string, other: string) => one.split(/[?#]/, 1)[0] === other.split(/[?#]/, 1)[0]

/** Requests that overlap, at whatever distance, are a group. */
function placeOf(index: number, drafts: readonly Draft[]): Beside {
  const isOpen = (at: number) => {
    const before = drafts.slice(0, at).filter(({ kind }) => kind === 'request')
    const next = drafts.slice(at).find(({ kind }) => kind === 'request')
    return next !== undefined && before.some(({ end }) => next.at < end)
  }
  const [isHeld, goesOn] = [isOpen(index), isOpen(index + 1)]
  if (isHeld && goesOn) return 'between'
  return isHeld ? 'last' : goesOn ? 'first' : 'alone'
}

function letterOf(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : '#'
}

function roleOf(path: string): string {
  if (/^\/\.well-known\/(oauth-authorization-server|openid-configuration)/.test(path))
    return 'authorization server'
  return path.startsWith('/.well-known/oauth-protected-resource') ? 'resource' : ''
}

const columns = { method: 4, label: 47, bar: 28, all: 110 }

/** At most 110 columns. */
export function drawWaterfall(
  happenings: readonly Happening[],
  { inColour = false }: { readonly inColour?: boolean } = {},
): string[] {
  const { servers, rows, totalMs } = layOut(happenings)
  const paint = (style: number, text: string) => (inColour ? `\u001b[${style}m${text}\u001b[0m` : text)
  const line = (row: Row): string => {
    const lead = `${milliseconds(row.at)}  ${mark(row)} `
    if (row.kind === 'decision')
      return lead + paint(2, fit(`  · ${row.text}`, columns.all - lead.length).trimEnd())
    const { server, method, status } = row
    const took = `${milliseconds(row.end - row.at)} `
    const code = String(status ?? '---')
    const name = method.padEnd(columns.method)
    const request = `${server} ${name} ${labelOf(row, columns.label + columns.method - name.length)} `
    return `${lead}${request}${paint((status ?? 500) < 400 ? 32 : 33, code)}${took}${paint(36, barOf(row, totalMs))}`.trimEnd()
  }
  return [
    ...Array.from(servers, ([letter, { host, role }]) => `  ${letter}  ${host.padEnd(24)}${role}`.trimEnd()),
    '',
    ...rows.map(line),
  ]
}

/** What stands at the left of those that ran side by side. */
function mark({ kind, beside }: Row): string {
  if (kind === 'decision') return beside === 'between' || beside === 'last' ? '│' : ' '
  return { first: '┌', between: '├', last: '└', alone: ' ' }[beside]
}

function labelOf({ path, asked, outcome }: RequestRow, width: number): string {
  const after = [asked, outcome].filter((text) => text !== '').join(', ')
  return fit(
    after === '' ? path : `${fit(path, Math.max(12, width - 2 - after.length)).trimEnd()}  ${after}`,
    width,
  )
}

/** From the cell where it begins to the eighth of a cell where it ends. */
function barOf({ at, end }: RequestRow, totalMs: number): string {
  const scale = columns.bar / Math.max(1, totalMs)
  const first = Math.min(Math.floor(at * scale), columns.bar - 1)
  const eighths = Math.max(1, Math.round((end * scale - first) * 8))
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? ''
  return ' '.repeat(first) + '█'.repeat(Math.floor(eighths / 8)) + rest
}

function milliseconds(ms: number): string {
  const text = ms < 99_999.5 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s `
  return text.padStart(9)
}

/** Of that width exactly; what does not fit is left out in the middle. */
function fit(text: string, width: number): string {
  if (text.length <= width) return text.padEnd(width)
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}…${text.slice(-tail)}`
}
