/**
 * What others wrote, made fit to stand in a message: URLs without their query, text quoted and short,
 * errors as a name and a code.
 *
 * @module
 */

/** A URL without query and fragment, where secrets travel; and not all of one without end. */
export function displayUrl(url: string | URL): string {
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname}`.slice(0, 300) + (search && '?…')
}

/** What may be no URL, without what would be a query, a user name or a password in one. */
export function withoutSecrets(text: string): string {
  return text.replace(/^([a-z\d]*:?).*@/is, '$1//').replace(/[?#].*/s, '')
}

/** Quotes text of a server: printable ASCII only, so no terminal escapes, and at most 200 characters of it. */
export function quoteForeign(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '\u{fffd}')
  return JSON.stringify(printable.length > 200 ? `${printable.slice(0, 199)}…` : printable)
}

/**
 * The name and the system's code of a foreign error; its text and members may hold anything. Only of one that says that
 * an address was refused the text is taken as well, which tells which.
 */
export function describeCause(error: unknown): { name: string; code?: string; message?: string } {
  const name = error instanceof Error ? error.name : typeof error
  let each = error
  for (let depth = 0; depth < 5 && each instanceof Error; depth += 1) {
    const { code, message } = each as Error & { code?: unknown }
    if (code === addressRefused) return { name, code, message: quoteForeign(message).slice(1, -1) }
    if (typeof code === 'string' && /^[A-Z0-9_]{2,64}$/.test(code)) return { name, code }
    each = each.cause
  }
  return { name }
}

/** The code by which what is given as `fetch` says so. */
export const addressRefused = 'ADDRESS_REFUSED'
