/** What an example prints each time it runs: servers have letters in place of ports, and nothing is numbered or timed. */
export function lastingParts(stdout: string): string {
  const untimed = stdout
    .replaceAll(/^ *\d+ (GET|POST) +(\S+) +(\d+) +\d+ ms/gm, '  $1 $2 $3')
    .replaceAll(/[A-Z]{4}-[A-Z]{4}/g, 'CODE')
    .replaceAll(/[\w-]{43}(?= \(its thumbprint)/g, 'THUMBPRINT')
  // A resource and the documents about it are asked for side by side.
  const ordered = untimed.replaceAll(/(?:^ {2}GET .*\n)+/gm, (rows) =>
    rows
      .split(/(?<=\n)/)
      .toSorted((a, b) => pathIn(a).localeCompare(pathIn(b)))
      .join(''),
  )
  const hosts = [...new Set(ordered.match(/127\.0\.0\.1:\d+/g))]
  return ordered.replaceAll(/127\.0\.0\.1:\d+/g, (host) => `server-${'abcdef'[hosts.indexOf(host)]}`)
}

/** What a waterfall shows each time: which requests were sent, and what was decided. */
export function lastingTrace(stdout: string): { requests: string[]; decisions: string[] } {
  const rows = Array.from(
    stdout.matchAll(/^ *\d+ ms {2}[ ┌├│└] (.*?)(?: +\d+ ms [ ▏▎▍▌▋▊▉█]+)?$/gm),
    ([, row = '']) => row,
  )
  const [decisions, requests] = [
    rows.filter((row) => row.startsWith('  · ')),
    rows.filter((row) => !row.startsWith('  · ')),
  ]
  return { requests: requests.map((row) => row.replaceAll(/ +/g, ' ').slice(2)).toSorted(), decisions }
}

const pathIn = (row: string) => /\/\S*/.exec(row)?.[0] ?? ''
