import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { AuthorizationCodeAuth } from '../../src/index.ts'
import { pastedRedirect, terminalPrompt } from '../../src/node.ts'
import { begin, callbackOf, loginServer } from '../sign-in.ts'
import { tokenServer } from '../token-server.ts'

const never = new AbortController().signal

/** A screen that keeps what was written. */
function screen() {
  const lines: string[] = []
  return { write: (text: string) => lines.push(text), read: () => lines.join('') }
}

describe('terminalPrompt', () => {
  const verification = {
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://as.example/device',
    verificationUriComplete: undefined,
    expiresAt: Date.now() + 600_000,
    signal: never,
  }

  it('shows where to go and what to type (DV-04, RFC 8628 §3.3)', () => {
    const output = screen()

    terminalPrompt({ output })(verification)

    expect(output.read()).toMatchInlineSnapshot(`
      "
      To sign in, on this or any other device:

        open       https://as.example/device
        and enter  WDJB-MJHT

      The code is good for 10 min. Waiting ...
      "
    `)
  })

  it('shows the code beside the link that has it, to be compared (DV-04, RFC 8628 §3.3.1)', () => {
    const output = screen()
    const verificationUriComplete = 'https://as.example/device?user_code=WDJB-MJHT'

    terminalPrompt({ output })({ ...verification, verificationUriComplete })

    expect(output.read()).toMatchInlineSnapshot(`
      "
      To sign in, on this or any other device:

        open       https://as.example/device
        and enter  WDJB-MJHT

        or open    https://as.example/device?user_code=WDJB-MJHT
        and check that it shows WDJB-MJHT

      The code is good for 10 min. Waiting ...
      "
    `)
  })

  it('does not say that no time is left while there is some', () => {
    const output = screen()

    terminalPrompt({ output })({ ...verification, expiresAt: Date.now() + 5_000 })

    expect(output.read()).toContain('The code is good for 1 min.')
  })

  it('writes where the output of the program does not go', () => {
    const [errors, output] = [process.stderr, process.stdout].map((each) =>
      vi.spyOn(each, 'write').mockReturnValue(true),
    )

    terminalPrompt()(verification)

    const calls = [errors?.mock.calls.length, output?.mock.calls.length]
    vi.restoreAllMocks()
    expect(calls).toEqual([1, 0])
  })
})

describe('pastedRedirect', () => {
  /** The same each time, for what is shown. */
  const fixed = new URL(
    'https://as.example/authorize?response_type=code&client_id=me&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&state=s1',
  )
  const answer = 'http://127.0.0.1/callback?code=c1&state=s1'

  /** What somebody types, in pieces as they come; and what is shown meanwhile. */
  async function type(...pieces: string[]) {
    const output = screen()
    const ask = pastedRedirect({ input: Readable.from(pieces), output })
    const result = await Promise.resolve(ask(fixed, { signal: never })).catch((error: unknown) => error)
    return { result, shown: output.read() }
  }

  it('says what to do, and takes the address that is pasted', async () => {
    const { result, shown } = await type(`  ${answer} \n`)

    expect(result).toBe(answer)
    expect(shown).toMatchInlineSnapshot(`
      "
      To sign in, open this address in a browser, on this or any other device:

        https://as.example/authorize?response_type=code&client_id=me&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&state=s1

      The browser ends at an address that begins with http://127.0.0.1/callback
      and may not be able to show what is there. That is all right.

      Paste that address here: "
    `)
  })

  it('asks again for what is not the address of this sign-in, and says why', async () => {
    const { result, shown } = await type(
      'what?\n',
      `${fixed.href}\n`,
      'http://127.0.0.1/callback?code=c0&state=s0\n',
      `${answer}\n`,
    )

    expect(result).toBe(answer)
    expect(shown.slice(shown.indexOf('Paste'))).toMatchInlineSnapshot(`
      "Paste that address here: 
      That is no address. Copy all of it from the address bar, at the end of the sign-in.

      Paste it here: 
      That address has no answer in it. Copy all of it from the address bar, at the end of the sign-in.

      Paste it here: 
      That address is of another sign-in. Copy all of it from the address bar, at the end of the sign-in.

      Paste it here: "
    `)
  })

  it.each([
    ['in one piece with what is wrong', ['what?\n\n', `no\n${answer}\n`]],
    ['letter by letter', `x\n${answer}\n`.split('')],
    ['without a line end at the end of the input', [answer]],
  ])('takes an address that comes %s', async (_, pieces) => {
    const { result } = await type(...pieces)

    expect(result).toBe(answer)
  })

  it('takes a refusal as well: that is an answer', async () => {
    const refused = 'http://127.0.0.1/callback?error=access_denied&state=s1'

    const { result } = await type(`${refused}\n`)

    expect(result).toBe(refused)
  })

  it.each([
    ['has nothing in it', []],
    ['has no answer in it', ['what?\n', 'https://example.com/\n']],
  ])('ends where the input %s: nobody is there', async (_, pieces) => {
    const { result } = await type(...pieces)

    expect(result).toMatchObject({
      name: 'AuthorizationError',
      code: 'interaction_required',
      recovery: 'interaction',
      message:
        'Nobody is at the keyboard to sign in at https://as.example: the input has ended. Run the program at a terminal.',
    })
  })

  it('ends when nobody waits for it, and leaves the input to others', async () => {
    const input = new Readable({ read() {} })
    const leaving = new AbortController()
    const attempt = Promise.resolve(
      pastedRedirect({ input, output: screen() })(fixed, { signal: leaving.signal }),
    )
    attempt.catch(() => {})

    leaving.abort(new Error('never mind'))

    await expect(attempt).rejects.toThrow('never mind')
    expect(input.isPaused()).toBe(true)
    expect(input.listenerCount('data')).toBe(0)
  })

  it('leaves the input to others once it has the address', async () => {
    const input = new Readable({ read() {} })
    const attempt = pastedRedirect({ input, output: screen() })(fixed, { signal: never })

    input.push(`${answer}\n`)

    await expect(attempt).resolves.toBe(answer)
    expect(input.isPaused()).toBe(true)
  })

  it('takes any source of text', async () => {
    async function* input() {
      yield new TextEncoder().encode(`${answer}\n`)
    }

    const attempt = pastedRedirect({ input: input(), output: screen() })(fixed, { signal: never })

    await expect(attempt).resolves.toBe(answer)
  })

  it('signs somebody in', async () => {
    const pasted = Promise.withResolvers<string>()
    async function* input() {
      yield `${await pasted.promise}\n`
    }
    const ask = pastedRedirect({ input: input(), output: screen() })
    const auth = new AuthorizationCodeAuth({
      serverMetadata: loginServer,
      clientId: 'me',
      redirectUri: 'http://127.0.0.1/callback',
      fetch: tokenServer().fetch,
      authorize(url, context) {
        pasted.resolve(callbackOf(url))
        return ask(url, context)
      },
    })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
  })

  it('shows nothing that is secret (NS-09)', async () => {
    const { url, pending } = await begin()
    const output = screen()

    await Promise.resolve(pastedRedirect({ input: Readable.from([]), output })(url, { signal: never })).catch(
      () => {},
    )

    expect(output.read()).toContain(url.href)
    expect(output.read()).not.toContain(JSON.parse(pending).codeVerifier)
  })
})
