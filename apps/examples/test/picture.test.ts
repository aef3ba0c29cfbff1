import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { drawPicture, lineOf, playStory } from '../src/stage/picture.ts'

const rowsIn = (svg: string) => Array.from(svg.matchAll(/data-row="([^"]*)"/g), ([, row]) => row)

it('the picture of the main story shows the requests of a run, as the code is now', async () => {
  const svg = await readFile(new URL('../timeline.svg', import.meta.url), 'utf8')

  const { rows, ...rest } = await playStory()

  // Where this fails, `npm run picture` in this folder draws it anew: look at it.
  const requests = rows.filter((row) => row.kind === 'request')
  expect(rowsIn(svg)).toEqual(requests.map(lineOf))
  expect(rowsIn(drawPicture({ rows, ...rest }))).toEqual(requests.map(lineOf))
})

it('the picture has a title, both colour schemes, and nothing of this machine or of anybody', async () => {
  const svg = await readFile(new URL('../timeline.svg', import.meta.url), 'utf8')

  expect(svg).toContain('<title id="title">From a URL to a tool call</title>')
  expect(svg).toContain('@media (prefers-color-scheme: dark)')
  expect(svg).not.toMatch(/127\.0\.0\.1|eyJ|testbed|href|<script/)
})
