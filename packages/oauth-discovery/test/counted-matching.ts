/**
 * Counts how many characters regular expressions look at.
 *
 * No engine tells how far it has looked. So every `exec` is done a second time here, by a matcher of the kind
 * that V8 has: it takes the alternatives in order, and goes back to the last choice where one of them fails. One step
 * is one character held against one class of characters, once more whenever the matcher comes back to it. Each
 * of its answers has to be V8's, or it throws: it counts the very matches that are made, those within `replace` too.
 *
 * Not counted are `slice`, `toLowerCase` and looking up one character, which happen once for what was found.
 *
 * @module
 */
import { vi } from 'vitest'

export interface CountedMatch {
  readonly pattern: RegExp
  readonly isFound: boolean
  readonly steps: number
}

/** What is done at one place of a program; places are told from here. */
type Instruction =
  | { readonly accepts: (character: string) => boolean }
  | { readonly first: number; readonly second: number }

/** More than any honest match in these tests takes, so that a pattern which explodes fails instead of hanging. */
const maxSteps = 10_000_000

export function countMatches(run: () => void): CountedMatch[] {
  const matches: CountedMatch[] = []
  const exec: (this: RegExp, text: string) => RegExpExecArray | null = Reflect.get(RegExp.prototype, 'exec')
  const spy = vi.spyOn(RegExp.prototype, 'exec').mockImplementation(function (this: RegExp, text) {
    const from = this.global || this.sticky ? this.lastIndex : 0
    // First the count, which ends where V8 might not.
    const { end, steps } = match(this, text, from)
    const found = exec.call(this, text)
    if (end !== (found === null ? undefined : found.index + found[0].length))
      throw new Error(`${this} is misread at ${from}`)
    matches.push({ pattern: this, isFound: found !== null, steps })
    return found
  })
  try {
    run()
  } finally {
    spy.mockRestore()
  }
  return matches
}

function match(pattern: RegExp, text: string, from: number): { end: number | undefined; steps: number } {
  const program = compile(pattern)
  let steps = 0
  for (let start = from; start <= (pattern.sticky ? from : text.length); start += 1) {
    const choices: [place: number, at: number][] = [[0, start]]
    for (let choice = choices.pop(); choice !== undefined; choice = choices.pop()) {
      let [place, at] = choice
      for (let isAlive = true; isAlive; ) {
        const instruction = program[place]
        if (instruction === undefined) return { end: at, steps }
        if ('accepts' in instruction) {
          steps += 1
          if (steps > maxSteps) throw new Error(`${pattern} looks at more than ${maxSteps} characters`)
          isAlive = at < text.length && instruction.accepts(text.charAt(at))
          place += 1
          at += 1
        } else {
          if (instruction.second !== instruction.first) choices.push([place + instruction.second, at])
          place += instruction.first
        }
      }
    }
  }
  return { end: undefined, steps }
}

const programs = new Map<string, Instruction[]>()

// Without a regular expression in it: its matches would be counted, too, and so on.
function compile({ source }: RegExp): Instruction[] {
  const program = programs.get(source) ?? new Reader(source).takeAlternatives()
  programs.set(source, program)
  return program
}

/** Knows classes, escapes, `.` with the flag s, groups, `|`, and the greedy `*` and `+`. */
class Reader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  takeAlternatives(): Instruction[] {
    const one = this.#takeSequence()
    if (!this.#skip('|')) return one
    const other = this.takeAlternatives()
    return [choose(1, one.length + 2), ...one, jump(other.length + 1), ...other]
  }

  #takeSequence(): Instruction[] {
    const all: Instruction[] = []
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at)))
      all.push(...this.#takeRepeated())
    return all
  }

  #takeRepeated(): Instruction[] {
    const one = this.#takeOne()
    if (this.#skip('*')) return [choose(1, one.length + 2), ...one, jump(-one.length - 1)]
    if (this.#skip('+')) return [...one, choose(-one.length, 1)]
    return one
  }

  #takeOne(): Instruction[] {
    if (this.#skip('(')) {
      this.#skip('?:')
      const inner = this.takeAlternatives()
      this.#skip(')')
      return inner
    }
    if (this.#skip('.')) return [{ accepts: () => true }]
    if (!this.#skip('[')) {
      const only = this.#takeCharacter()
      return [{ accepts: (character) => character === only }]
    }
    const isNegated = this.#skip('^')
    const ranges: [from: string, to: string][] = []
    while (!this.#skip(']')) {
      const from = this.#takeCharacter()
      ranges.push([from, this.#skip('-') ? this.#takeCharacter() : from])
    }
    return [{ accepts: (each) => ranges.some(([from, to]) => each >= from && each <= to) !== isNegated }]
  }

  #takeCharacter(): string {
    const isEscaped = this.#skip('\\')
    const character = this.#source.charAt(this.#at)
    this.#at += 1
    return isEscaped && character === 't' ? '\t' : character
  }

  #skip(text: string): boolean {
    const isThere = this.#source.startsWith(text, this.#at)
    if (isThere) this.#at += text.length
    return isThere
  }
}

function choose(first: number, second: number): Instruction {
  return { first, second }
}

function jump(to: number): Instruction {
  return choose(to, to)
}
