/**
 * What the next release would be called, tried out on a copy.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failure, run } from './command.ts'
import { apps, type Manifest, packages, readText, root } from './repository.ts'

export interface Versioned {
  readonly before: string
  readonly after: string
  readonly isRewritten: boolean
  readonly changelog: string | undefined
}

/**
 * Runs the real `changeset version` for one made-up changeset, in a repository that has only the manifests.
 *
 * @param releases package names with the kind of change, as in the front matter of a changeset
 * @returns by package name
 */
export async function versionDry(
  releases: Readonly<Record<string, 'minor' | 'patch'>>,
): Promise<ReadonlyMap<string, Versioned>> {
  const copy = await mkdtemp(join(tmpdir(), 'versions-'))
  try {
    await copyManifests(copy)
    const lines = Object.entries(releases).map(([name, kind]) => `"${name}": ${kind}\n`)
    await writeFile(join(copy, '.changeset/made-up.md'), `---\n${lines.join('')}---\n\nA change.\n`)
    await commit(copy)
    await runOrThrow(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], copy)
    return new Map([...packages, ...apps].map((folder) => readVersioned(copy, folder)))
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

async function copyManifests(copy: string): Promise<void> {
  const manifests = ['.', ...packages, ...apps].map((folder) => join(folder, 'package.json'))
  const paths = ['pnpm-workspace.yaml', '.changeset/config.json', ...manifests]
  await Promise.all(paths.map((path) => cp(join(root, path), join(copy, path))))
  // Where changesets look for the writer of changelogs.
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  await writeFile(join(copy, '.gitignore'), 'node_modules\n')
}

async function commit(copy: string): Promise<void> {
  const person = ['-c', 'user.name=Nobody', '-c', 'user.email=nobody@example.com']
  for (const args of [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '--all'],
    [...person, 'commit', '--quiet', '--message=All'],
  ]) {
    await runOrThrow('git', args, copy)
  }
}

async function runOrThrow(program: string, args: readonly string[], cwd: string): Promise<void> {
  // In a git hook, git is told by the environment which repository it is in: not this one.
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))
  const env = { ...Object.fromEntries(outside), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  const fault = failure(await run(program, args, { cwd, env }))
  if (fault !== undefined) throw new Error(`${program} ${args.join(' ')} ${fault}`)
}

function readVersioned(copy: string, folder: string): [string, Versioned] {
  const path = join(folder, 'package.json')
  const before = readText(path)
  const after = readFileSync(join(copy, path), 'utf8')
  const { name, version }: Manifest = JSON.parse(before)
  const changed: Manifest = JSON.parse(after)
  const changelog = join(copy, folder, 'CHANGELOG.md')
  return [
    name,
    {
      before: version,
      after: changed.version,
      isRewritten: after !== before,
      changelog: existsSync(changelog) ? readFileSync(changelog, 'utf8') : undefined,
    },
  ]
}
