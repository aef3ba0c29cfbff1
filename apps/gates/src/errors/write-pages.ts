/**
 * Writes `ERRORS.md` of each package.
 *
 *     node --conditions=@x/source src/errors/write-pages.ts
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../repository.ts'
import { provokeAll, render } from './page.ts'
import { pages } from './pages.ts'

for (const page of pages) {
  await writeFile(join(root, page.folder, 'ERRORS.md'), render(page, await provokeAll(page)))
}
