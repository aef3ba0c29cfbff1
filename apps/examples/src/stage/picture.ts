/**
 * The main story as a picture: what `--trace` shows in a terminal, for a page.
 *
 * @module
 */
import { run } from '../00-whole-way.ts'
import { findLesson } from './course.ts'
import { chooseServers } from './servers.ts'
import { setStage } from './stage.ts'
import type { Happening } from './timeline.ts'
import { layOut, type RequestRow, type Row, type Waterfall } from './waterfall.ts'

/** What happens in it now, on embedded servers. */
export async function playStory(): Promise<Waterfall> {
  const lesson = findLesson('whole-way')
  if (lesson === undefined) throw new Error('There is no main story.')
  await using servers = await chooseServers(lesson, undefined)
  const happenings: Happening[] = []
  await run(setStage(lesson, servers, { print: () => {}, isTraced: false, inColour: false, happenings }))
  return layOut(happenings)
}

/** One line for a request, as it stands in the picture and is compared with a run. */
export function lineOf({ method, path, asked, status }: RequestRow): string {
  return `${method} ${path} ${asked} ${status ?? '---'}`
}

const [width, top, rowHeight, left, bars] = [900, 104, 23, 28, { from: 566, to: 868 }] as const

export function drawPicture({ rows, servers, totalMs }: Waterfall): string {
  const height = top + rows.length * rowHeight + 26
  const scale = (bars.to - bars.from) / totalMs
  const kinds = new Map(
    Array.from(servers, ([letter, { role }]) => [letter, role === 'resource' ? 'mcp' : 'as']),
  )
  const step = [5, 10, 20, 25, 50, 100, 200, 500, 1_000].find((ms) => totalMs / ms <= 5) ?? 5_000
  const ticks = Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, index) => index * step)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title about">
<title id="title">From a URL to a tool call</title>
<desc id="about">${words(rows)}</desc>
<style>${style}</style>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
<text class="title" x="${left}" y="38">From a URL to a tool call, and past the end of a token</text>
<rect class="mcp" x="${left}" y="54" width="12" height="12" rx="3"/><text class="key" x="${left + 18}" y="64.5">MCP server</text>
<rect class="as" x="${left + 116}" y="54" width="12" height="12" rx="3"/><text class="key" x="${left + 134}" y="64.5">authorization server</text>
<text class="key" x="${left + 290}" y="64.5">a run of npm start, on embedded servers</text>
${ticks.map((ms) => `<line class="grid" x1="${at(ms)}" x2="${at(ms)}" y1="${top - 12}" y2="${height - 18}"/><text class="tick" x="${at(ms)}" y="${top - 18}">${ms === 0 ? '0 ms' : ms}</text>`).join('\n')}
${rows.map(draw).join('\n')}
${rows
  .map(bracket)
  .filter((line) => line !== '')
  .join('\n')}
</svg>
`

  function at(ms: number): string {
    return (bars.from + ms * scale).toFixed(1)
  }

  /** Beside those that ran side by side. */
  function bracket({ beside }: Row, index: number): string {
    if (beside !== 'first') return ''
    const last = index + rows.slice(index).findIndex((row) => row.beside === 'last' && row.kind === 'request')
    const [from, to] = [top + index * rowHeight + 6, top + last * rowHeight + 17]
    const x = bars.from - 54
    return `<path class="bracket" d="M${x - 5} ${from}h5V${to}h-5"/><text class="beside" x="${x - 12}" y="${(from + to) / 2 + 4}">side by side</text>`
  }

  function draw(row: Row, index: number): string {
    const base = top + index * rowHeight
    const y = base + 15
    if (row.kind === 'decision') {
      return `<text class="decision" x="${left + 18}" y="${y}">${asText(shorten(row.text))}</text>`
    }
    const { status = 0, path, asked, outcome, method, server } = row
    const after = [asked, outcome === 'used' ? '' : outcome].filter((text) => text !== '').join(', ')
    const length = Math.max(3, (row.end - row.at) * scale).toFixed(1)
    return `<g data-row="${asText(lineOf(row))}"><rect class="${kinds.get(server)}" x="${left}" y="${base + 5}" width="5" height="13" rx="2"/><text class="request" x="${left + 18}" y="${y}">${method}</text><text class="request" x="${left + 58}" y="${y}">${asText(path)}<tspan class="asked" dx="8">${asText(after)}</tspan></text><text class="${status < 400 ? 'good' : 'refused'}" x="${bars.from - 16}" y="${y}">${status || '—'}</text><rect class="${kinds.get(server)}" x="${at(row.at)}" y="${base + 5}" width="${length}" height="13" rx="3"/></g>`
  }
}

/** A picture has less room than a terminal. */
function shorten(text: string): string {
  return text.replace(
    /^challenged: (.*)$/,
    (_, said: string) => `challenged: ${said.split(', ').slice(0, 2).join(', ')}`,
  )
}

function words(rows: readonly Row[]): string {
  const requests = rows.filter((row) => row.kind === 'request')
  return asText(
    `${requests.length} requests, one after another but for the first two: ${requests.map(lineOf).join('; ')}`,
  )
}

function asText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

const style = `
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace; fill: #1f2328 }
.title { font: 600 19px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
.key, .tick, .decision { font: 12.5px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #59636e }
.tick { font-size: 11.5px; text-anchor: middle }
.decision { font-style: italic }
.asked { fill: #59636e }
.good, .refused { text-anchor: end; fill: #1a7f37 }
.refused { fill: #b35900; font-weight: 600 }
.beside { font: italic 12.5px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #59636e; text-anchor: end }
.bracket { fill: none; stroke: #59636e }
.page { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.mcp { fill: #3b7dd8 }
.as { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.key, .tick, .decision, .asked, .beside { fill: #9198a1 }
.bracket { stroke: #9198a1 }
.good { fill: #3fb950 }
.refused { fill: #e3a04a }
.page { fill: #0d1117; stroke: #3d444d }
.grid { stroke: #2d333b }
.mcp { fill: #4c94f5 }
.as { fill: #a371f7 }
}
`
