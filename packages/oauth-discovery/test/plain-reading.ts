import type { Challenge } from '../src/index.ts'

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const gap = '[ \\t]*'
const parameter = `(?<name>${token})${gap}=${gap}(?:(?<plain>${token})|"(?<quoted>(?:[^"\\\\]|\\\\.)*)")`
const metadata = `(?<name>resource_metadata)${gap}=${gap}(?<plain>[^ \\t,"]+)`
const first = `(?<scheme>${token})[ \\t]+`

/** What a piece between two commas may be, in the order in which it is tried. */
const forms = [
  `(?<scheme>${token})`,
  `${first}(?<token68>[0-9A-Za-z\\-._~+/]+=*)`,
  `${first}${metadata}`,
  `${first}${parameter}`,
  metadata,
  parameter,
].map((form) => new RegExp(`^(?:${form})$`, 'is'))

/** A piece that is faulty, but in a challenge of its own: a scheme and a space, and no `=`. */
const newChallenge = new RegExp(`^${first}(?![ \\t=])`)

/**
 * The challenges in a header, read another way than by the parser, slowly: cut at the commas outside quotes, and every
 * piece by one pattern for all of it. Without the limits of CH-13.
 */
export function readPlainly(header: string): Challenge[] {
  const challenges: Challenge[] = []
  const ambiguous = new Set<Challenge>()
  for (const piece of cutAtCommas(header)) {
    if (piece === '') continue
    const found = forms.map((form) => form.exec(piece)?.groups).find((groups) => groups !== undefined)
    const { scheme, token68, name, plain, quoted } = found ?? {}
    if (found === undefined || (scheme === undefined && challenges.length === 0)) {
      if (!newChallenge.test(piece)) challenges.pop()
      break
    }

    if (scheme !== undefined)
      challenges.push({ scheme: scheme.toLowerCase(), ...(token68 && { token68 }), parameters: {} })
    const last = challenges.at(-1)
    if (last === undefined || name === undefined) continue
    const key = name.toLowerCase()
    const value = plain ?? quoted?.replaceAll(/\\(.)/gs, '$1') ?? ''
    if (last.token68 !== undefined || Object.hasOwn(last.parameters, key)) ambiguous.add(last)
    Object.defineProperty(last.parameters, key, {
      value: key.startsWith('error') ? value.replaceAll(/["\\]|[^\x20-\x7e]/g, '') : value,
      enumerable: true,
      configurable: true,
    })
  }
  return challenges.filter((each) => !ambiguous.has(each))
}

function cutAtCommas(header: string): string[] {
  const pieces: string[] = ['']
  let isQuoted = false
  for (let at = 0; at < header.length; at += 1) {
    const character = header.charAt(at)
    if (character === '"') isQuoted = !isQuoted
    if (character === ',' && !isQuoted) pieces.push('')
    else pieces.push((pieces.pop() ?? '') + character)
    if (character === '\\' && isQuoted) {
      at += 1
      pieces.push((pieces.pop() ?? '') + header.charAt(at))
    }
  }
  return pieces.map((piece) => piece.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
}
