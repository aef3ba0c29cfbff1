/**
 * A person at a terminal.
 *
 * @module
 */
import { createInterface } from 'node:readline/promises'
import { Readable } from 'node:stream'
import type { Authorize } from '../authorization-code.ts'
import type { DeviceVerification } from '../device-code.ts'
import { AuthorizationError } from '../errors.ts'

/** Where the text goes: to a place that pipes of a program's own output do not see. */
export interface Output {
  write(text: string): unknown
}

/** Says in plain text where to sign in, and by which code: for `prompt` of a `DeviceCodeAuth`. */
export function terminalPrompt({
  output = process.stderr,
}: {
  output?: Output | undefined
} = {}): (verification: DeviceVerification) => void {
  return ({ userCode, verificationUri, verificationUriComplete, expiresAt }) => {
    const minutes = Math.max(Math.round((expiresAt - Date.now()) / 60_000), 1)
    const link =
      verificationUriComplete === undefined
        ? ''
        : `\n  or open    ${verificationUriComplete}\n  and check that it shows ${userCode}\n`
    output.write(`
To sign in, on this or any other device:

  open       ${verificationUri}
  and enter  ${userCode}
${link}
The code is good for ${minutes} min. Waiting ...
`)
  }
}

/**
 * Has a person open the URL in any browser, and bring back the address at which it ended: for `authorize` of an
 * `AuthorizationCodeAuth` where no browser can come back by itself. Asks until it gets an address that belongs to this
 * sign-in.
 *
 * @throws {AuthorizationError} `interaction_required`: the input has ended
 */
export function pastedRedirect({
  input = process.stdin,
  output = process.stderr,
}: {
  input?: AsyncIterable<string | Uint8Array> | undefined
  output?: Output | undefined
} = {}): Authorize {
  return async (url, { signal }) => {
    const [redirectUri, state] = ['redirect_uri', 'state'].map((name) => url.searchParams.get(name))
    output.write(`
To sign in, open this address in a browser, on this or any other device:

  ${url.href}

The browser ends at an address that begins with ${redirectUri}
and may not be able to show what is there. That is all right.

Paste that address here: `)
    const lines = createInterface({ input: input instanceof Readable ? input : Readable.from(input), signal })
    try {
      for await (const line of lines) {
        const answer = line.trim()
        const fault = faultOf(answer, state)
        if (fault === undefined) return answer
        output.write(`
${fault} Copy all of it from the address bar, at the end of the sign-in.

Paste it here: `)
      }
    } finally {
      // Or the input would keep the program from ending.
      lines.close()
    }
    signal.throwIfAborted()
    throw nobodyThere(url)
  }
}

/** Why it is not the address of this answer. The one that was to be opened has a state as well, but no answer. */
function faultOf(text: string, state: string | null | undefined): string | undefined {
  if (!URL.canParse(text)) return 'That is no address.'
  const { searchParams } = new URL(text)
  if (!searchParams.has('code') && !searchParams.has('error')) return 'That address has no answer in it.'
  return searchParams.get('state') === state ? undefined : 'That address is of another sign-in.'
}

function nobodyThere({ origin }: URL): AuthorizationError {
  const message = `Nobody is at the keyboard to sign in at ${origin}: the input has ended. Run the program at a terminal.`
  return new AuthorizationError('interaction_required', message, { issuer: origin, recovery: 'interaction' })
}
