import { secrets } from './entries.ts'

/** How every message of an error is written. */
const rules: readonly (readonly [fault: string, isBroken: (message: string) => boolean])[] = [
  ['is longer than 300 characters', (message) => message.length > 300],
  ['is not one line of text', (message) => /[^\x20-\x7e…§]/.test(message)],
  ['does not end with a full stop', (message) => !message.endsWith('.')],
  ['does not begin like a sentence', (message) => !/^(?:[A-Z]|https?:|~?\/)/.test(message)],
  ['has a value of no use', (message) => /\b(?:undefined|null|NaN|object Object)\b(?!,)/.test(message)],
  ['has a word that only this repository knows', (message) => inside.test(message)],
  ['repeats a secret', (message) => Object.values(secrets).some((each) => message.includes(each))],
  ['repeats a query', (message) => /\?[\w%-]+=/.test(message)],
  ['names nothing that a reader could look for', (message) => !named.test(message)],
]

const inside =
  /\b(?:candidate|fence|flight|guard|hint|located|principal|probing|renewer|seam|turn|vet\w*|walk)\b/i

/** A URL, an address, a file, a value, or what a program has of ours. */
const named =
  /https?:\/\/|127\.0\.0\.1:|~\/|"[^"]+"|\b(?:options?|argument|parameter|store|token|auth object|client id|clientId|redirectUri|path|scope|origin|resource|key of)\b/

/** Each rule that a message breaks. */
export function listFaults(message: string): string[] {
  return rules.filter(([, isBroken]) => isBroken(message)).map(([fault]) => `${fault}: ${message}`)
}
