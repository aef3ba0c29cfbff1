import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type ControlServer, startControlServer } from '../src/servers.ts'
import type { Context } from '../src/suite/case.ts'
import { cases } from '../src/suite/cases.ts'
import { runCase } from '../src/suite/run-cases.ts'

let control: ControlServer
let folder: string
let copy: Context['copy']
beforeAll(async () => {
  control = await startControlServer()
  folder = await mkdtemp(join(tmpdir(), 'matrix-'))
  vi.resetModules()
  copy = await import('@x/oauth-discovery')
})
afterAll(async () => {
  await control[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

it.each(cases)('$name, in this Node, from sources', async (each) => {
  const { failure } = await runCase(each, { url: control.url, folder, copy })

  expect(failure).toBeUndefined()
})

it('calls each case by a name of its own', () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
})
