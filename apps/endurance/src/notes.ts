import type { Fetch } from '@x/oauth-discovery'

/** A token request, as it left this process; in ms since the epoch. */
export interface Note {
  readonly sentAt: number
  /** When a token had come; undefined: none did, or nobody waited for it any longer. */
  receivedAt: number | undefined
}

/** A `fetch` that notes each token request, whatever becomes of it; and what it has noted. */
export function noteRequests(): { fetch: Fetch; notes: readonly Note[] } {
  const notes: Note[] = []
  const noting: Fetch = async (input, init) => {
    const isTokenRequest = input instanceof Request && input.url.endsWith('/token')
    if (!isTokenRequest) return fetch(input, init)
    const note: Note = { sentAt: Date.now(), receivedAt: undefined }
    notes.push(note)
    const response = await fetch(input, init)
    const text = await response.text()
    if (isToken(text)) note.receivedAt = Date.now()
    return new Response(text, response)
  }
  return { fetch: noting, notes }
}

function isToken(text: string): boolean {
  try {
    return 'access_token' in JSON.parse(text)
  } catch {
    return false
  }
}
