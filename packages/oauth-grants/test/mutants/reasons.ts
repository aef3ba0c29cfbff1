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
    file: 'session.ts',
    line: '#isEarly = false',
    why: 'It is set anew with each renewal, and not looked at before the first.',
  },
  {
    file: 'session.ts',
    line: 'const flight = this.#renewer.renew(why, asked).finally(() => {',
    why: 'What has ended keeps nobody waiting; it only takes memory.',
  },
  {
    file: 'session.ts',
    line: 'this.#flights = this.#flights.filter((each) => each !== flight)',
    becomes: ['', 'this.#flights'],
    why: 'What has ended keeps nobody waiting; it only takes memory.',
  },
  {
    file: 'held-token.ts',
    line: '#lastSeen = 0',
    why: 'No clock is that near to 1970.',
  },
  {
    file: 'held-token.ts',
    line: 'const life = token.expiresAt === undefined ? Number.POSITIVE_INFINITY : token.expiresAt - token.obtainedAt',
    becomes: ['false'],
    why: 'Without an end it would be no number, and no time is later than that either. It is said for the types.',
  },
  {
    file: 'turn.ts',
    line: 'if (line.get(key) === end) line.delete(key)',
    becomes: ['false', ''],
    why: 'What has ended keeps nobody waiting; it only takes memory.',
  },
  {
    file: 'renewer.ts',
    line: 'const end = () => done.aborted || late.abort(lateError(messageOf(ms), this.held.newest))',
    becomes: ['late.abort(lateError(messageOf(ms), this.held.newest))'],
    why: 'When it is done, nobody listens any longer.',
  },
  {
    file: 'renewer.ts',
    line: "} else if (!interactive) this.#pace.require(why, this.#clock.now(), this.held.newest?.issuer ?? '')",
    becomes: ['this.held.newest?.issuer'],
    why: 'It is only told for a token that was refused, and then there is one. It is said for the types.',
  },
  {
    file: 'renewer.ts',
    line: 'if (demanded !== undefined && !isCounted) this.#stepUps += 1',
    becomes: ['demanded !== undefined'],
    why: 'A demand would count twice whose turn was lost: a resource would be followed nine times instead of ten.',
  },
  {
    file: 'renewer.ts',
    line: 'scope: unionOf(demanded ? [...baseScope(previous), ...demanded] : (previous?.requestedScope ?? [])),',
    becomes: ['previous?.requestedScope'],
    why: 'No scope and an empty one come to the same. It is said for the types.',
  },
  {
    file: 'turn.ts',
    line: "signal?.addEventListener('abort', () => resolve(), { once: true, signal: done })",
    becomes: ['{ signal: done }', 'false'],
    why: 'A signal is aborted once.',
  },
  {
    file: 'turn.ts',
    line: 'await clock.sleep(leaseMs, done).catch(() => {})',
    becomes: ['clock.sleep(leaseMs, done)'],
    why: 'It is woken when all is over, and nobody waits for it then.',
  },
  {
    file: 'turn.ts',
    line: 'for (let tries = 0; ; tries += 1) {',
    becomes: ['2'],
    why: 'It is only looked at whether it is the first.',
  },
  {
    file: 'turn.ts',
    line: 'await lease?.[Symbol.asyncDispose]()',
    why: 'Who may have none waits for no answer, and hears of no error. It is said for the types.',
  },
  {
    file: 'turn.ts',
    line: "tell?.('lost')",
    becomes: ["tell('lost')"],
    why: 'Only the registration of a client tells nobody, and its turn is not lost in any test: it would fail by another error.',
  },
  {
    file: 'turn.ts',
    line: 'leasing?.then(giveBack).catch(() => {})',
    becomes: ['leasing.then(giveBack).catch(() => {})'],
    why: 'Where there is none, nothing fails before. It is said for the types.',
  },
  {
    file: 'turn.ts',
    line: 'await clock.sleep(leaseMs / 3, signal)',
    becomes: ['4'],
    why: 'It is extended more often than it needs to be, which costs the store a little.',
  },
  {
    file: 'turn.ts',
    line: 'signal?.throwIfAborted()',
    becomes: [''],
    why: 'The next step finds it out as well; this one spares the store a question.',
  },
  {
    file: 'stored-token.ts',
    line: 'await this.save(bare, { ...stored, ...ownTurn }, signal)',
    becomes: ['{ ...stored }'],
    why: 'That turn has no fence, and nothing is sent in it. It is said for the types.',
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
