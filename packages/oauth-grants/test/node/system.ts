import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { onTestFinished } from 'vitest'

/** Has the system do something else for one of its calls, until this test ends: for what it cannot be asked to do. */
export function instead<K extends 'open' | 'rename' | 'rm' | 'writeFile'>(
  name: K,
  make: (real: (typeof files)[K]) => (typeof files)[K],
): void {
  const real = files[name]
  const put = (one: (typeof files)[K]) => {
    files[name] = one
    syncBuiltinESMExports()
  }
  put(make(real))
  onTestFinished(() => put(real))
}
