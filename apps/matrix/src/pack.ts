// Packs the packages into a folder, by the pnpm that it is run under, and prints what is where.
import { packages } from '@x/gates/repository'
import { pack } from '@x/gates/tarball'

const [destination = '.'] = process.argv.slice(2)
const tarballs = await Promise.all(packages.map((folder) => pack(folder, destination)))
console.log(JSON.stringify(Object.fromEntries(tarballs.map(({ manifest: { name }, path }) => [name, path]))))
