import type { Fetch } from '@x/oauth-discovery'
import { lifeSeconds } from './soak-plan.ts'

/** A token that is in this process, in ms since the epoch: from when on, and until when it is good. */
export interface Receipt {
  readonly from: number
  readonly to: number
}

/** A `fetch` that notes each token that has come, whatever becomes of it; and what it has noted. */
export function noteReceipts(): { fetch: Fetch; receipts: readonly Receipt[] } {
  const receipts: Receipt[] = []
  const noting: Fetch = async (input, init) => {
    const isTokenRequest = input instanceof Request && input.url.endsWith('/token')
    const sentAt = Date.now()
    const response = await fetch(input, init)
    if (!isTokenRequest) return response
    const text = await response.text()
    if (isToken(text)) receipts.push({ from: Date.now(), to: sentAt + lifeSeconds * 1_000 })
    return new Response(text, response)
  }
  return { fetch: noting, receipts }
}

function isToken(text: string): boolean {
  try {
    return 'access_token' in JSON.parse(text)
  } catch {
    return false
  }
}
