/**
 * The examples, with the published packages in place of the sources.
 *
 * @module
 */
import { cp, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Check, check } from './check.ts'
import { failure, type Outcome, run } from './command.ts'
import { exists, root } from './repository.ts'

const main = 'apps/examples/src/main.ts'

/** No example may have this name: asking for it must fail, or every name would do. */
const noExample = 'no-such-example'

/** @param consumer a folder where the tarballs are installed, with what else the examples need */
export async function runExamplesAgainstTarballs(consumer: string): Promise<readonly Check[]> {
  const what = 'the examples run on the tarballs'
  if (!exists(main)) return [check(what, `${main} is missing`)]
  const folder = await copyExamples(consumer)
  const start = (argument: string): Promise<Outcome> => {
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    return run(process.execPath, ['src/main.ts', argument], {
      cwd: folder,
      env: { PATH, HOME, NODE_COMPILE_CACHE },
      deadlineMs: 30_000,
    })
  }

  const [listed, unknown] = await Promise.all([start('--names'), start(noExample)])
  const names = listed.stdout.split('\n').filter((line) => line !== '')
  const fault =
    failure(listed) ??
    (names.length === 0 ? 'main.ts --names prints no name' : undefined) ??
    (unknown.code === 0 ? `main.ts ${noExample} ends with 0, as if it were an example` : undefined)
  if (fault !== undefined) return [check(what, fault)]

  return Promise.all(
    names.map(async (name) => check(`example ${name} runs on the tarballs`, failure(await start(name)))),
  )
}

/**
 * Beside the installed packages, with what is not published, or is too large to be installed twice: the testbed of the
 * workspace, and what the Worker runs in.
 */
async function copyExamples(consumer: string): Promise<string> {
  const folder = join(consumer, 'examples')
  await mkdir(folder)
  await cp(join(root, 'apps/examples/src'), join(folder, 'src'), { recursive: true })
  await symlink(join(root, 'apps/testbed'), join(consumer, 'node_modules/@x/testbed'))
  for (const tool of ['esbuild', 'workerd']) {
    await symlink(join(root, 'apps/examples/node_modules', tool), join(consumer, 'node_modules', tool))
  }
  return folder
}
