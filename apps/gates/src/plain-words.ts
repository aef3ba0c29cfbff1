/** What no file of this repository may hold, and why a reader would stumble over it. */
const unwelcome: readonly (readonly [why: string, pattern: RegExp])[] = [
  [
    'a path of one machine',
    /(?<![\w.@-])\/(?:home|Users|root|mnt|work(?:spaces?)?|private\/var)\/\w|\b[A-Z]:\\{1,2}Users\b/,
  ],
  [
    'the host of a package registry',
    /\b(?:registry|npm|packages?|artifactory|nexus|verdaccio)\.(?:[\w-]+\.)+(?:org|com|dev|io|net|local|internal)\b|\bnpmmirror\./,
  ],
  ['a silenced compiler', /@ts-(?:ignore|nocheck)\b/],
  ['a silenced linter', /\b(?:biome|oxlint|eslint)-(?:ignore|disable)/],
  ['a test that keeps others from running', /\.only\(/],
  ['a test that is not there', /\.todo\(/],
  ['work that is not done', /(?:\/\/|\*|#|<!--).*\b(?:TO[D]O|FIX[M]E)\b/],
]

/** Each line of a text that holds one of them, as `number: why: line`. */
export function listUnwelcome(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      unwelcome
        .filter(([, pattern]) => pattern.test(line))
        .map(([why]) => `${index + 1}: ${why}: ${line.trim().slice(0, 120)}`),
    )
}
