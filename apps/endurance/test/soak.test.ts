import { expect, it } from 'vitest'
import { run } from './program.ts'

it('fails no call while a token is good, asks for no token too many, and needs no more memory, for ten seconds', async () => {
  await expect(run('soak.ts', '--seconds', '10')).resolves.toContain('needless')
})
