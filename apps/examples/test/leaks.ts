/** Which of the secrets stand in a text: as they are, URL-encoded, form-encoded, or in base64, also as a part of it. */
export function findLeaks(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => formsOf(secret).some((form) => text.includes(form)))
}

/** Any JWT is a secret here, whoever made it. */
export function findTokens(text: string): string[] {
  return text.match(/eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g) ?? []
}

function formsOf(secret: string): string[] {
  const formEncoded = new URLSearchParams([['', secret]]).toString().slice(1)
  const plain = [secret, encodeURIComponent(secret), formEncoded]
  return [...new Set(plain.flatMap((form) => [form, ...base64Of(form)]))]
}

/** What is left of a text in base64 whatever comes before and behind it: one form for each place it may start at. */
function base64Of(text: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3))
    const lead = [0, 2, 3][offset]
    return [whole.toString('base64').slice(lead), whole.toString('base64url').slice(lead)]
  })
}
