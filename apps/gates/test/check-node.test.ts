import { expect, it } from 'vitest'
import { complaint } from '../../../.ci/check-node.mjs'
import { run } from '../src/command.ts'
import { root } from '../src/repository.ts'

const old = 'v20.20.2'
const oldest = 'v22.18.0'
const tooOld = 'v22.17.1'
const newest = 'v26.10.0'

const linux = (arch: string, version: string) => ({ platform: 'linux', arch, glibc: true, version })
// What is not Linux has no glibc to ask for: the program says true there.
const macos = (version: string) => ({ platform: 'darwin', arch: 'arm64', glibc: true, version })
const windows = (version: string) => ({ platform: 'win32', arch: 'x64', glibc: true, version })

it.each([
  linux('x64', old),
  linux('arm64', old),
  linux('x64', newest),
  linux('arm64', 'v18.0.0'),
  linux('riscv64', oldest),
  macos(oldest),
  macos(newest),
  windows(oldest),
  windows('v23.0.0'),
])('lets $platform $arch with Node $version through', (machine) => {
  expect(complaint(machine)).toBeUndefined()
})

it.each([
  macos(old),
  macos(tooOld),
  windows(old),
  windows(tooOld),
  linux('riscv64', old),
  linux('s390x', tooOld),
])('stops $platform $arch with Node $version by one line that names the version needed', (machine) => {
  expect(complaint(machine)).toMatch(
    new RegExp(
      `^Node 22\\.18 or later is needed on ${machine.platform}-${machine.arch}[^\\n]*${machine.version}\\.$`,
    ),
  )
})

it.each([old, newest])('stops a Linux without glibc, whatever its Node (%s), by one line', (version) => {
  expect(complaint({ ...linux('x64', version), glibc: false })).toMatch(/^[^\n]*no glibc[^\n]*Debian[^\n]*$/)
})

it('says nothing on the machine that runs this', async () => {
  const outcome = await run(process.execPath, ['.ci/check-node.mjs'], { cwd: root })

  expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' })
})
