// Run before the two README commands, on whatever Node the machine has: they bring Node 24 from the registry
// on Linux with glibc, and elsewhere need one that runs TypeScript by itself. Plain JavaScript for that reason.
import process from 'node:process'
import { pathToFileURL } from 'node:url'

/** The one line to print before stopping, or undefined when this machine will do. */
export function complaint({ platform, arch, glibc, version }) {
  const [major, minor] = version.slice(1).split('.').map(Number)
  const runsTypeScript = major > 22 || (major === 22 && minor >= 18)
  if (platform === 'linux' && !glibc) {
    return `This system has no glibc, which the Node binary that is installed here needs: use a glibc image, such as Debian's (${platform}-${arch}, Node ${version}).`
  }
  const brought = platform === 'linux' && (arch === 'x64' || arch === 'arm64')
  if (brought || runsTypeScript) return undefined
  return `Node 22.18 or later is needed on ${platform}-${arch}, where no Node comes with the installation; this is ${version}.`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { platform, arch, version } = process
  const glibc = platform !== 'linux' || process.report.getReport().header.glibcVersionRuntime !== undefined
  const line = complaint({ platform, arch, glibc, version })
  if (line !== undefined) {
    console.error(line)
    process.exit(1)
  }
}
