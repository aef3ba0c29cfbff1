/**
 * Where an example plays: its servers, what is seen of the wire, and how it says what came out.
 *
 * @module
 */
import type { Fetch } from '@x/oauth-grants'
import type { Lesson } from './course.ts'
import type { Servers } from './servers.ts'
import { createFetch, type Exchange, formatExchange, type Happening, type Sent } from './timeline.ts'
import { drawWaterfall } from './waterfall.ts'

export interface Stage extends Omit<Servers, keyof AsyncDisposable | 'expectedIssuer' | 'scope'> {
  /**
   * What every auth object is given here, and you may leave out: `expectedIssuer` and `scope` where they are known
   * beforehand, and `fetch` and `onEvent`, by which is shown what happens.
   */
  readonly options: {
    readonly expectedIssuer: string | undefined
    readonly scope: string | undefined
    readonly fetch: Fetch
    readonly onEvent: (event: Happening) => void
  }
  /** All that went through `options.fetch`. */
  readonly exchanges: readonly Exchange[]
  readonly sent: readonly Sent[]
  /** Notes an exchange that did not go through `options.fetch`. */
  readonly tell: (exchange: Exchange) => void
  /** A line as it is. */
  readonly print: (line: string) => void
  /** A line between those of the wire. */
  readonly say: (text: string) => void
  /** What came out, in two columns. */
  readonly report: (facts: Readonly<Record<string, string>>) => void
  /** Says what happened, or stops the example: what it prints has to be true. */
  readonly claim: (what: string, holds: boolean) => void
}

export interface Watching {
  readonly print: (line: string) => void
  /** A waterfall of all that happened, in place of a line for each exchange. */
  readonly isTraced: boolean
  readonly inColour: boolean
  /** Where all that happens is noted. */
  readonly happenings?: Happening[]
}

export function setStage(
  lesson: Lesson,
  servers: Servers,
  { print, isTraced, inColour, happenings = [] }: Watching,
): Stage {
  const { expectedIssuer, scope, ...rest } = servers
  const seen: { exchanges: Exchange[]; sent: Sent[] } = { exchanges: [], sent: [] }
  const headings = new Set<string>()
  const head = (title: string) => {
    if (headings.has(title)) return
    headings.add(title)
    print(`\n${title}\n`)
  }
  const tell = (exchange: Exchange) => {
    happenings.push(exchange)
    seen.exchanges.push(exchange)
    if (isTraced || lesson.isQuiet) return
    head('What goes over the wire')
    print(formatExchange(exchange, seen.exchanges.length))
  }
  const trace = () => {
    if (!isTraced || happenings.length === 0 || headings.has('What happened, and when')) return
    head('What happened, and when')
    for (const line of drawWaterfall(happenings, { inColour })) print(line)
  }
  return {
    ...rest,
    options: {
      expectedIssuer,
      scope,
      fetch: createFetch(seen.sent, tell),
      onEvent: (event) => void happenings.push(event),
    },
    ...seen,
    tell,
    print,
    say(text) {
      happenings.push({ type: 'remark', at: performance.timeOrigin + performance.now(), flow: '', text })
      head(isTraced || lesson.isQuiet ? 'What goes on' : 'What goes over the wire')
      print(`       ${text}`)
    },
    report(facts) {
      trace()
      head('What came out')
      for (const [name, value] of Object.entries(facts)) print(`  ${name.padEnd(11)}${value}`)
      print('')
    },
    claim(what, holds) {
      trace()
      if (!holds) throw new Error(`This did not happen: ${what}`)
      print(`  ✓ ${what}`)
    },
  }
}
