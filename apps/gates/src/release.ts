/**
 * Builds, checks and publishes what has a new version: `npm run release`.
 *
 *     node apps/gates/src/release.ts [--dry-run]
 *
 * It publishes what is committed, and nothing else: it works on a fresh clone of it. A dry run gives the packages the
 * versions that their changesets ask for, does all the rest, and uploads nothing.
 *
 * @module
 */
import { globSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { failure, run } from './command.ts'
import { packages, readManifest, root } from './repository.ts'

/** What pnpm says of each package that it has published, or would have. */
interface Published {
  readonly id: string
  readonly size: number
  readonly unpackedSize: number
  readonly integrity: string
  readonly files: readonly unknown[]
}

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } })
const isDry = values['dry-run']
const temporary = await mkdtemp(join(tmpdir(), 'release-'))
const clone = join(temporary, 'clone')
try {
  await release()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

async function release(): Promise<void> {
  const commit = (await step('git', ['rev-parse', '--short', 'HEAD'], root)).trim()
  await step('git', ['clone', '--quiet', root, clone], root)
  await pnpm('install', '--frozen-lockfile', '--silent')
  const pending = globSync('.changeset/*.md', { cwd: clone })
  if (isDry) {
    if (pending.length > 0) await pnpm('run', 'release:version')
    await pnpm('install', '--frozen-lockfile', '--silent')
  } else if (pending.length > 0) {
    throw new Error(
      `${commit} is not ready to be published: ${pending.length} changesets have no version yet. Run release:version, and commit what it changes.`,
    )
  } else if (packages.some((folder) => readManifest(folder).repository === undefined)) {
    throw new Error(
      'The registry tells where a package was built only if its manifest has `repository`, which must be the one that builds it. Set it in each of them.',
    )
  }
  console.log(
    `${isDry ? 'A dry run of a' : 'A'} release of ${commit}: built and checked from a clone of it\n`,
  )
  console.log(
    await pnpm('exec', 'turbo', 'run', 'check:package', '--output-logs=new-only', '--log-prefix=none'),
  )

  const published = readPublished(await publish())
  for (const { id, files, size, unpackedSize, integrity } of published) {
    console.log(
      `${isDry ? 'would be published' : 'published'}: ${id}, ${files.length} files, ${kB(size)} (${kB(unpackedSize)} unpacked), ${integrity}`,
    )
  }
  if (published.length === 0) console.log('The registry has all of these versions: nothing to publish.')
  if (isDry) return
  console.log(await pnpm('exec', 'changeset', 'tag'))
  await step('git', ['push', '--quiet', '--tags'], clone)
}

/** The registry's own proof of where a tarball was built is asked for, which only continuous integration can give. */
function publish(): Promise<string> {
  return isDry
    ? pnpm('publish', '--recursive', '--json', '--no-git-checks', '--dry-run')
    : pnpm('publish', '--recursive', '--json', '--provenance')
}

function readPublished(output: string): readonly Published[] {
  return JSON.parse(output.slice(output.indexOf('[')))
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}

function pnpm(...args: readonly string[]): Promise<string> {
  return step('pnpm', args, clone)
}

async function step(program: string, args: readonly string[], cwd: string): Promise<string> {
  const outcome = await run(program, args, { cwd, deadlineMs: 600_000 })
  const fault = failure(outcome)
  if (fault !== undefined) throw new Error(`${program} ${args.join(' ')} ${fault}`)
  return outcome.stdout
}
