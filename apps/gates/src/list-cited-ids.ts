// Prints, for each package, the requirements that its tests cite, and the titles that cite them.
import { packages } from './repository.ts'
import { citedIds, readTestTitles } from './test-titles.ts'

for (const folder of packages) {
  const titles = readTestTitles(folder)
  const ids = new Set(titles.flatMap(citedIds))
  console.log(`${folder}: ${ids.size} requirements cited`)
  for (const id of [...ids].toSorted()) {
    console.log(`  ${id}`)
    for (const title of titles.filter((each) => citedIds(each).includes(id))) console.log(`    ${title}`)
  }
}
