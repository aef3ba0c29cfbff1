import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const folders: string[] = []
afterEach(() => Promise.all(folders.splice(0).map((each) => rm(each, { recursive: true, force: true }))))

/** A folder of this test, which is gone after it. */
export async function newFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'oauth-grants-')))
  folders.push(folder)
  return folder
}

/** Where a store may be, and is not yet. */
export async function newPath(): Promise<string> {
  return join(await newFolder(), 'credentials.json')
}

/** A file with this text, as private as ours are. */
export async function fileOf(text: string): Promise<string> {
  const path = await newPath()
  await writeFile(path, text, { mode: 0o600 })
  return path
}
