import { describe, expect, it } from 'vitest'
import { type Versioned, versionDry } from '../src/dry-version.ts'
import { apps, find, packages, readManifest, readText } from '../src/repository.ts'

const discovery = '@x/oauth-discovery'
const grants = '@x/oauth-grants'
const client = '@x/mcp-client'

const privateNames = apps.map((folder) => readManifest(folder).name)

function bumped(version: string, kind: 'minor' | 'patch'): string {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return kind === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`
}

describe('a minor change of discovery', async () => {
  const versioned = await versionDry({ [discovery]: 'minor' })
  const of = (name: string): Versioned => versioned.get(name) ?? expect.unreachable(`${name} is missing`)

  it('makes a minor version of discovery', () => {
    expect(of(discovery).after).toBe(bumped(of(discovery).before, 'minor'))
  })

  it.each([grants, client])('makes a patch of %s, from its own version', (name) => {
    expect(of(name).after).toBe(bumped(of(name).before, 'patch'))
  })

  it.each([discovery, grants, client])('gives %s a changelog of its own', (name) => {
    expect(of(name).changelog).toMatch(new RegExp(`^# ${name}\n\n## ${of(name).after}\n`))
  })

  it('says what changed where it changed, and which versions follow elsewhere', () => {
    expect(of(discovery).changelog).toContain('A change.')
    expect(of(grants).changelog).not.toContain('A change.')
    expect(of(grants).changelog).toContain(`${discovery}@${of(discovery).after}`)
  })

  it.each(privateNames)('leaves %s alone', (name) => {
    expect(of(name)).toMatchObject({ after: of(name).before, isRewritten: false, changelog: undefined })
  })
})

describe('a change of the client', async () => {
  const versioned = await versionDry({ [client]: 'patch' })

  it('makes a version of the client', () => {
    const { before = '', after } = versioned.get(client) ?? {}

    expect(after).toBe(bumped(before, 'patch'))
  })

  it.each([discovery, grants, ...privateNames])('leaves %s alone', (name) => {
    expect(versioned.get(name)).toMatchObject({ isRewritten: false, changelog: undefined })
  })
})

it.each(find('.changeset/*.md'))(
  '%s says which packages it is about, by how much, and what it means to a user',
  (path) => {
    const names = packages.map((folder) => readManifest(folder).name)
    const [, front = '', text = ''] = /^---\n(.*?)^---\n\n(.+)/ms.exec(readText(path)) ?? []
    const lines = front.trim().split('\n')

    expect(lines.filter((line) => !/^'(.+)': (?:major|minor|patch)$/.test(line))).toEqual([])
    expect(lines.filter((line) => !names.includes(line.split("'")[1] ?? ''))).toEqual([])
    expect(text.length).toBeGreaterThan(80)
  },
)
