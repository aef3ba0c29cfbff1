import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { spawnTestbed, type TestbedProcess } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure, run } from '../src/command.ts'
import {
  environment,
  folder,
  listPrograms,
  type Program,
  pages,
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

  expect(listPrograms(page.join('\n'))).toEqual(['one()\n', 'two()\n'])
})

it.each(pages)('%s shows a program', (page) => {
  expect(readPrograms(page).length).toBeGreaterThan(0)
})

it('lets every program through the compiler, as strictly as our own sources', async () => {
  const tsc = join(root, 'apps/gates/node_modules/typescript/bin/tsc')

  const outcome = await run(process.execPath, [tsc, '-p', folder], { cwd: root })

  expect(failure(outcome)).toBeUndefined()
})

describe.runIf(programs.length > 0)('the program', () => {
  it.each(programs)('runs, speaks and ends: $name', async ({ file }) => {
    const person = ['--import', join(root, 'apps/gates/src/person.ts')]

    const outcome = await run(process.execPath, ['--conditions=@x/source', ...person, file], {
      cwd: folder,
      env,
      deadlineMs: 10_000,
    })

    expect(outcome).toEqual({ code: 0, stdout: expect.stringMatching(/\S/), stderr: '' })
  })
})
