/** Those of the secrets that stand in a text, however it was written down: encoded, escaped, cut at either end, or in part. */
export function leaksIn(text: string, secrets: Iterable<string>): string[] {
  // What a terminal or a viewer of logs does not show does not hide it either.
  const shown = text.replace(/[\u200b-\u200f\u2060\ufeff]/g, '')
  return [...new Set(secrets)].filter((secret) => waysToWrite(secret).some((each) => shown.includes(each)))
}

/** Half of a long secret tells as much as all of it. */
function waysToWrite(secret: string): readonly string[] {
  const half = Math.ceil(secret.length / 2)
  const pieces = secret.length < 24 ? [secret] : [secret.slice(0, half), secret.slice(-half)]
  return pieces.flatMap((piece) => {
    const form = new URLSearchParams({ x: piece }).toString().slice(2)
    const texts = [piece, form, encodeURIComponent(piece), JSON.stringify(piece).slice(1, -1)]
    const bytes = Buffer.from(piece)
    return [
      ...texts,
      ...texts.map((each) => each.replace(/%../g, (hex) => hex.toLowerCase())),
      bytes.toString('hex'),
      [...bytes].join(','),
      ...inBase64(piece),
      ...inBase64(form),
    ]
  })
}

/** As it looks within a longer text: the first and the last letters depend on what is beside it. */
function inBase64(piece: string): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.from('.'.repeat(shift) + piece)
    const start = shift === 0 ? 0 : 4
    const end = Math.floor(whole.length / 3) * 4
    return (['base64', 'base64url'] as const).map((kind) => whole.toString(kind).slice(start, end))
  })
}
