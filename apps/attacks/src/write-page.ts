// Writes ATTACKS.md from the titles of the tests.
import { writeFileSync } from 'node:fs'
import { readAttacks } from './attackers.ts'
import { writePage } from './page.ts'

writeFileSync(new URL('../ATTACKS.md', import.meta.url), writePage(await readAttacks()))
