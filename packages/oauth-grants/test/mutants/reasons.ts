/**
 * Why no test tells a mutant.
 *
 * @module
 */
import type { Mutant } from './places.ts'

/** Of all mutants of a line, or of one. */
export interface Reason {
  readonly file: string
  /** The line of the source, without the space before it. */
  readonly line: string
  /** What is there then, where it is not about all mutants of the line. */
  readonly becomes?: readonly string[] | undefined
  readonly why: string
}

export const reasons: readonly Reason[] = [
  {
    file: 'renewer.ts',
    line: "} else if (!interactive) this.#pace.require(why, this.#clock.now(), this.held.newest?.issuer ?? '')",
    becomes: ['this.held.newest?.issuer'],
    why: 'It is only told for a token that was refused, and then there is one. It is said for the types.',
  },
  {
    file: 'renewer.ts',
    line: 'scope: unionOf(demanded ? [...baseScope(previous), ...demanded] : (previous?.requestedScope ?? [])),',
    becomes: ['previous?.requestedScope'],
    why: 'No scope and an empty one come to the same. It is said for the types.',
  },
  {
    file: 'held-token.ts',
    line: '#lastSeen = 0',
    why: 'No clock is that near to 1970.',
  },
  {
    file: 'held-token.ts',
    line: 'const life = (token.expiresAt ?? Number.POSITIVE_INFINITY) - token.obtainedAt',
    becomes: ['token.expiresAt'],
    why: 'Without an end it would be no number, and no time is later than that either. It is said for the types.',
  },
  {
    file: 'held-token.ts',
    line: 'const pauseMs = Math.max(left / 10, 1000, known?.retryAfterMs ?? 0)',
    becomes: ['1'],
    why: 'It waits for a second at least, which is more than either.',
  },
  {
    file: 'turn.ts',
    line: 'await lease?.[Symbol.asyncDispose]()',
    becomes: ['lease[Symbol.asyncDispose]()'],
    why: 'Who may have none waits for no answer, and hears of no error. It is said for the types.',
  },
  {
    file: 'stored-token.ts',
    line: "return { value: '', revision: error.revision }",
    becomes: ['{ revision: error.revision }'],
    why: 'No text can be read as little as an empty one. It is said for the types.',
  },
  {
    file: 'authorized-fetch.ts',
    line: 'if (this.#spare !== undefined && this.#spare !== this.#request) dropBody(this.#spare)',
    becomes: ['this.#spare !== this.#request'],
    why: 'There is a copy, or the Request itself, exactly where there is a Request. It is said for the types.',
  },
  {
    file: 'authorized-fetch.ts',
    line: "if (challenge !== undefined) return { of: 'scope', demand: { challenge } }",
    becomes: ['{ demand: { challenge } }'],
    why: 'It is a word that is looked for among those before, and `undefined` is one as well. It is said for the types.',
  },
  {
    file: 'authorized-fetch.ts',
    line: 'return {',
    becomes: ['{ demand: { rejected: token, challenge: isOwn ? (told ?? challenges[0]) : undefined } }'],
    why: 'It is a word that is looked for among those before, and `undefined` is one as well. It is said for the types.',
  },
  {
    file: 'store.ts',
    line: 'return keepUntil !== undefined && keepUntil <= Date.now()',
    becomes: ['keepUntil <= Date.now()'],
    why: 'What is undefined is no less than any number. It is said for the types.',
  },
  {
    file: 'store.ts',
    line: 'return fence !== undefined && fence < (entry?.fence ?? 0)',
    becomes: ['fence < (entry?.fence ?? 0)'],
    why: 'What is undefined is no less than any number. It is said for the types.',
  },
  {
    file: 'store.ts',
    line: 'return fence !== undefined && fence < (entry?.fence ?? 0)',
    becomes: ['entry?.fence', '1'],
    why: 'The first fence is 1: none is less than that, or than undefined.',
  },
  {
    file: 'store.ts',
    line: 'if (term === undefined) return false',
    becomes: ['undefined'],
    why: 'It is only asked whether there is one that is held, and undefined says no as well. It is said for the types.',
  },
  {
    file: 'encrypted-store.ts',
    line: "return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])",
    becomes: ['true'],
    why: 'Nobody is given the key that is made there, so nobody could export it.',
  },
  {
    file: 'node/file-store.ts',
    line: 'fence: v.optional(v.number(), 0),',
    becomes: ['1'],
    why: 'Fences have to grow: with which one they begin makes no difference.',
  },
  {
    file: 'node/file-store.ts',
    line: 'content.fence = Math.max(content.fence, entries.get(key)?.fence ?? 0) + 1',
    becomes: ['1'],
    why: 'Fences have to grow: with which one they begin makes no difference.',
  },
  {
    file: 'node/file-store.ts',
    line: 'async function targetOf(path: string, hops = 0): Promise<string> {',
    why: 'Linux follows no more than 40 links, and after the last of them there is none to read.',
  },
  {
    file: 'node/file-store.ts',
    line: 'return link === undefined || hops > 40 ? path : targetOf(resolve(dirname(path), link), hops + 1)',
    becomes: ['hops >= 40', '41', '39'],
    why: 'Linux follows no more than 40 links, and after the last of them there is none to read.',
  },
  {
    file: 'node/file-store.ts',
    line: 'if (file === undefined) return { entries: new Map(), terms: new Map(), fence: 0 }',
    becomes: ['1'],
    why: 'Fences have to grow: with which one they begin makes no difference.',
  },
  {
    file: 'node/file-store.ts',
    line: "return parse(await file.readFile('utf8'), path)",
    becomes: ["''"],
    why: 'The parser makes the same text of bytes. It is said for the types.',
  },
  {
    file: 'node/file-store.ts',
    line: 'const text = JSON.stringify({ version: 2, ...maps, fence }, null, 2)',
    becomes: ['JSON.stringify({ version: 2, ...maps, fence }, null)', '1', '3'],
    why: 'Where its lines break is for people who look at it.',
  },
  {
    file: 'node/file-lock.ts',
    line: 'else await sleep(5 + 20 * Math.random())',
    becomes: ['4', '6', '19', '21'],
    why: 'Who waits looks a little more often, or less.',
  },
  {
    file: 'node/file-lock.ts',
    line: "if (code === 'EEXIST') return false",
    becomes: ['undefined'],
    why: 'It is only asked whether it was made, and undefined says no as well. It is said for the types.',
  },
  {
    file: 'node/file-lock.ts',
    line: 'await sleep(5)',
    becomes: ['4', '6'],
    why: 'Who waits looks a little more often, or less.',
  },
]

export function isAbout(
  { file, line, becomes }: Reason,
  { line: place, change: [, to] }: Mutant,
  source: string,
): boolean {
  return file === source && line === place && becomes?.includes(to) !== false
}
