import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { spawnTestbed, type TestbedProcess } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure, run } from '../src/command.ts'
import {
  argumentsOf,
  environment,
  folder,
  listPrograms,
  type Program,
  pages,
  playedEnvironment,
  readmes,
  readPrograms,
  writePrograms,
} from '../src/readme-programs.ts'
import { root } from '../src/repository.ts'

const programs: readonly Program[] = pages.flatMap(readPrograms)

let testbed: TestbedProcess
let env: Awaited<ReturnType<typeof environment>>
beforeAll(async () => {
  await writePrograms(programs)
  testbed = await spawnTestbed()
  env = await environment(testbed)
})
afterAll(async () => {
  await testbed.kill()
  await rm(env.HOME, { recursive: true })
})

it('takes every ts block for a program, and nothing else', () => {
  const page = [
    '```sh',
    'npm start',
    '```',
    '```ts',
    'one()',
    '```',
    '- as in',
    '  ```ts title',
    '  two()',
    '  ```',
  ]

  expect(listPrograms(page.join('\n'))).toEqual([
    { text: 'one()\n', words: '' },
    { text: 'two()\n', words: 'title' },
  ])
})

it.each(readmes)('%s shows a program', (page) => {
  expect(pages).toContain(page)
})

it('knows each way of running that a program names', () => {
  const known = ['', 'visited', 'hosted']
  const unknown = programs.filter(
    ({ ways, compiledOnly }) => !(compiledOnly?.trim() || ways.every((way) => known.includes(way))),
  )

  expect(unknown.map(({ name }) => name)).toEqual([])
})

// Programs wait for their turn, and the machine may be busy.
const timeout = 300_000

it('lets every program through the compiler, as strictly as our own sources', { timeout }, async () => {
  const tsc = join(root, 'apps/gates/node_modules/typescript/bin/tsc')

  const outcome = await run(process.execPath, [tsc, '-p', folder], { cwd: root })

  expect(failure(outcome)).toBeUndefined()
})

const ran = programs.filter(({ compiledOnly }) => compiledOnly === undefined)
for (const { name, compiledOnly } of programs) {
  if (compiledOnly !== undefined) console.log(`compiled only: ${name}: ${compiledOnly}`)
}

describe('the program', { concurrent: true, timeout }, () => {
  it.each(ran.map((program) => [program.name, program] as const))(
    'runs, speaks and ends: %s',
    async (_, program) => {
      const outcome = await run(process.execPath, argumentsOf(program), {
        cwd: folder,
        env: program.isPlayed ? playedEnvironment(env) : env,
        deadlineMs: 60_000,
      })

      // Where the providers answer, each program ends by showing that an API took its token.
      const spoken = program.isPlayed ? /^200$/m : /\S/
      expect(outcome).toEqual({ code: 0, stdout: expect.stringMatching(spoken), stderr: '' })
    },
  )
})
