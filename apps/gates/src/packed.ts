// The program of `check:package`: the packages as others will get them. One line for each thing that must hold.
import { rmSync } from 'node:fs'
import { mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkSizes } from './bundle-size.ts'
import { attempted, describeCheck } from './check.ts'
import { checkConsumer } from './consumer.ts'
import { checkEntry } from './entry-loads.ts'
import { packages, readManifest } from './repository.ts'
import { checkTarball, pack } from './tarball.ts'

const started = performance.now()
const temporary = await realpath(await mkdtemp(join(tmpdir(), 'packed-')))
const clean = (): void => rmSync(temporary, { recursive: true, force: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clean()
    process.exit(1)
  })
}
try {
  const packed = Promise.all(packages.map((folder) => pack(folder, temporary)))
  // The longest first: all of them are under way at once, and printed in this order.
  const consumer = attempted('a consumer', async () =>
    checkConsumer(join(temporary, 'consumer'), await packed),
  )
  const parts = [
    attempted('the tarballs', async () => (await Promise.all((await packed).map(checkTarball))).flat()),
    ...packages.map((folder) => attempted(folder, async () => [await checkEntry(readManifest(folder).name)])),
    attempted('sizes', checkSizes),
    consumer,
  ]
  let faults = 0
  for (const part of parts) {
    for (const check of await part) {
      console.log(describeCheck(check))
      faults += check.faults.length
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${faults === 0 ? 'No fault' : faults === 1 ? '1 fault' : `${faults} faults`}, in ${seconds} s`)
  process.exitCode = faults === 0 ? 0 : 1
} finally {
  clean()
}
