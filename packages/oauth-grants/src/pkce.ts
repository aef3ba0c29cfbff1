/**
 * Proof that whoever brings the code is who asked for it: RFC 7636.
 *
 * @module
 */

/** 256 bits at random, as 43 characters that need no encoding anywhere (RFC 7636 §4.1). */
export function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)))
}

/** The challenge of a verifier by S256, the only method here: by `plain`, whoever sees the one has the other (§7.2). */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
