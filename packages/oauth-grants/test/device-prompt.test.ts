import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  authorization,
  deviceBench,
  deviceMetadata,
  muchLater,
  pending,
  refused,
  silence,
  token,
} from './device-server.ts'
import { handClock } from './hand-clock.ts'
import type { Arrival, Reply } from './token-server.ts'

const complete = 'https://as.example/enter?user_code=WDJB-MJHT'

/** Everything that a program, a logger or a bug report may make of a value. */
function shownAs(value: unknown): string {
  const texts = [
    inspect(value, { depth: 10, showHidden: true }),
    format('%s %o %O %j', value, value, value, value),
    JSON.stringify(value),
  ]
  for (let each = value; each instanceof Error; each = each.cause) {
    texts.push(String(each.stack), JSON.stringify(each, Object.getOwnPropertyNames(each)))
  }
  return texts.join('\n')
}

describe('the prompt', () => {
  it('is told the code, both addresses and the end, and nothing else (DV-04, DV-05, RFC 8628 §3.3.1)', async () => {
    const { auth, hand, shown } = deviceBench({
      answer: { ...authorization, verification_uri_complete: complete, x_more: 'y' },
    })
    const start = hand.now()

    await auth.getToken()

    expect(shown).toEqual([
      {
        userCode: 'WDJB-MJHT',
        verificationUri: 'https://as.example/enter',
        verificationUriComplete: complete,
        expiresAt: start + 600_000,
        signal: expect.any(AbortSignal),
      },
    ])
  })

  it('is told the code without a link where the server has none (DV-04)', async () => {
    const { auth, shown } = deviceBench()

    await auth.getToken()

    expect(shown).toMatchObject([{ userCode: 'WDJB-MJHT', verificationUriComplete: undefined }])
  })

  it('comes before the first poll, with a signal that is not aborted', async () => {
    const seen: [polls: number, isOver: boolean][] = []
    const bench = deviceBench({
      prompt: ({ signal }) => void seen.push([bench.polledAt().length, signal.aborted]),
    })

    await bench.auth.getToken()

    expect(seen).toEqual([[0, false]])
  })

  it.each<[end: string, poll: Reply]>([
    ['there is a token', token],
    ['the person declined', refused('access_denied')],
    ['the server failed', refused('invalid_client', 401)],
    ['the code expired', refused('expired_token')],
  ])('has its signal aborted as soon as %s', async (_, poll) => {
    const isOver: unknown[] = []
    const bench = deviceBench({
      polls: [pending, poll],
      onEvent: ({ type }) => type === 'interaction' && isOver.push(bench.shown[0]?.signal.aborted),
    })

    await bench.auth.getToken().catch(() => {})

    // Nobody is there when it begins.
    expect(isOver).toEqual([undefined, true])
  })

  const broken = new Error('no terminal')

  it.each([
    [
      'throws',
      () => {
        throw broken
      },
    ],
    ['rejects', () => Promise.reject(broken)],
  ])('that %s ends the sign-in with its own error, and nothing is polled', async (_, prompt) => {
    // Nobody moves this clock on before the prompt has failed.
    const hand = handClock()
    const { auth, arrivals, events } = deviceBench({ hand, clock: hand, prompt })

    await expect(auth.getToken()).rejects.toBe(broken)
    await muchLater(hand)
    expect(arrivals).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ type: 'renewal', outcome: 'failed' })
  })

  it('that rejects while a poll is under way ends that too', async () => {
    const hand = handClock()
    let fail: (error: Error) => void = () => {}
    const prompt = () => new Promise<void>((_, reject) => (fail = reject))
    const answered: Reply = () => {
      fail(broken)
      return new Promise<never>(() => {})
    }
    const { auth, arrivals } = deviceBench({ hand, prompt, polls: [pending, answered, token] })

    await expect(auth.getToken()).rejects.toBe(broken)
    await muchLater(hand)
    expect(arrivals).toHaveLength(3)
  })

  it('that never returns keeps nobody waiting', async () => {
    const prompt = () => new Promise<void>(() => {})
    const { auth } = deviceBench({ prompt, polls: [pending, token] })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't' })
  })

  it('that fails when all is over changes nothing', async () => {
    let fail: (error: Error) => void = () => {}
    const prompt = () => new Promise<void>((_, reject) => (fail = reject))
    const { auth, hand } = deviceBench({ prompt })

    await auth.getToken()
    fail(broken)
    await muchLater(hand)

    // A rejection that nobody handles would fail the run.
    await expect(auth.getToken({ interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })
  })

  it('is what an interaction is about, in the events', async () => {
    const { auth, events } = deviceBench({ polls: [pending, refused('access_denied'), authorization, token] })

    await auth.getToken().catch(() => {})
    await auth.getToken()

    const told = events.filter(({ type }) => type === 'interaction')
    expect(told).toMatchObject([
      { outcome: 'needed' },
      { outcome: 'failed', code: 'access_denied' },
      { outcome: 'needed' },
      { outcome: 'done' },
    ])
  })
})

describe('an address', () => {
  const untrusted = [
    ['that is a script', 'javascript:alert(1)'],
    ['that is data', 'data:text/html,x'],
    ['of a file', 'file:///etc/passwd'],
    ['of another program', 'vscode://x/y'],
    ['in clear text', 'http://as.example/enter'],
    ['on this machine, of a server elsewhere', 'http://127.0.0.1/enter'],
    ['with a user name', 'https://as.example@evil.example/enter'],
    ['with a backslash, which parsers read in two ways', 'https://as.example\\@evil.example/enter'],
    ['with a password', 'https://:as.example@evil.example/enter'],
    ['with a line end', 'https://as.example/enter\r\nopen https://evil.example'],
    ['with a terminal escape', 'https://as.example/\x1b[2Kenter'],
    ['with a space', 'https://as.example/enter https://evil.example/'],
    ['that is written from right to left', 'https://as.example/\u202ereten'],
    ['that looks like another', 'https://аs.example/enter'], // the first letter is Cyrillic
    ['that is relative', '/enter'],
    ['without a host', 'https:'],
    ['that is empty', ''],
  ] as const

  it.each(untrusted)(
    '%s is shown to nobody, and nothing is polled: %j (AC-17, DV-05, RFC 8628 §5.3)',
    async (_, verification_uri) => {
      const { auth, hand, shown, arrivals } = deviceBench({ answer: { ...authorization, verification_uri } })

      await expect(auth.getToken()).rejects.toMatchObject({
        name: 'TokenError',
        code: 'invalid_response',
        message: expect.stringContaining('verification_uri is no https URL'),
      })
      await muchLater(hand)
      expect(shown).toEqual([])
      expect(arrivals).toHaveLength(1)
    },
  )

  it.each(untrusted)(
    '%s is left out where it is but the link, for there is the other way: %j (AC-17, DV-05)',
    async (_, verification_uri_complete) => {
      const answer = { ...authorization, verification_uri_complete }
      const { auth, shown } = deviceBench({ answer })

      await auth.getToken()

      expect(shown).toMatchObject([
        { verificationUri: authorization.verification_uri, verificationUriComplete: undefined },
      ])
    },
  )

  it('in clear text is shown where the server itself is on this machine (AC-17)', async () => {
    const serverMetadata = {
      issuer: 'http://127.0.0.1:8080',
      token_endpoint: 'http://127.0.0.1:8080/token',
      device_authorization_endpoint: 'http://127.0.0.1:8080/device',
    }
    const verification_uri = 'http://127.0.0.1:8080/enter'
    const { auth, shown } = deviceBench({ serverMetadata, answer: { ...authorization, verification_uri } })

    await auth.getToken()

    expect(shown).toMatchObject([{ verificationUri: verification_uri }])
  })

  it('in clear text is shown where the caller allows it, and nothing but that (AC-17, NS-02)', async () => {
    const serverMetadata = {
      issuer: 'http://keycloak:8080',
      token_endpoint: 'http://keycloak:8080/token',
      device_authorization_endpoint: 'http://keycloak:8080/device',
    }
    const verification_uri = 'http://keycloak:8080/enter'
    const verification_uri_complete = 'http://keycloak:8080/enter?user_code=WDJB-MJHT'
    const { auth, shown } = deviceBench({
      serverMetadata,
      allowAddress: ({ host }) => host === 'keycloak:8080',
      answer: { ...authorization, verification_uri, verification_uri_complete },
    })

    await auth.getToken()

    expect(shown).toMatchObject([
      { verificationUri: verification_uri, verificationUriComplete: verification_uri_complete },
    ])
  })

  it.each(['javascript:alert(1)', 'https://as.example@evil.example/', 'http://as.example/\x1b[2K'])(
    'is shown to nobody even where the caller allows everything: %j (AC-17, DV-05)',
    async (verification_uri) => {
      const answer = { ...authorization, verification_uri }
      const { auth, shown } = deviceBench({ answer, allowAddress: () => true })

      await expect(auth.getToken()).rejects.toMatchObject({ code: 'invalid_response' })
      expect(shown).toEqual([])
    },
  )

  it('on another host than the issuer is shown as it is: the person sees the host (DV-05)', async () => {
    const verification_uri = 'https://device.example/'
    const { auth, shown } = deviceBench({ answer: { ...authorization, verification_uri } })

    await auth.getToken()

    expect(shown).toMatchObject([{ verificationUri: 'https://device.example/' }])
  })
})

describe('a user code', () => {
  it.each([
    ['a terminal escape', 'WDJB\x1b[31m-MJHT', 'WDJB[31m-MJHT'],
    ['a line of its own', 'WDJB-MJHT\r\nOpen evil.example', 'WDJB-MJHTOpen evil.example'],
    ['what turns the writing round', '\u202eTHJM-BJDW', 'THJM-BJDW'],
    ['what cannot be seen', '\u200bWD\0JB-MJ\u2028HT\x7f', 'WDJB-MJHT'],
    ['spaces around it', '  WDJB MJHT ', 'WDJB MJHT'],
    ['no end', 'x'.repeat(5_000), 'x'.repeat(100)],
  ])('is shown without what a terminal takes for more than text: %s (DV-05, CH-12)', async (...row) => {
    const [, user_code, userCode] = row
    const { auth, shown } = deviceBench({ answer: { ...authorization, user_code } })

    await auth.getToken()

    expect(shown).toMatchObject([{ userCode }])
  })
})

describe('the device code', () => {
  const echoed = ({ body }: Arrival) => `${body} ${authorization.device_code}`

  it.each<[end: string, polls: (last: () => Arrival, silent: Reply) => readonly Reply[]]>([
    ['a token', () => [pending, token]],
    [
      'a refusal that echoes it',
      (last) => [
        () => Response.json({ error: echoed(last()), error_description: echoed(last()) }, { status: 400 }),
      ],
    ],
    [
      'a refusal of the person that echoes it',
      (last) => [
        () => Response.json({ error: 'access_denied', error_description: echoed(last()) }, { status: 400 }),
      ],
    ],
    ['the end of its time', () => [pending]],
    ['a server that is silent', (_, silent) => [silent]],
    [
      'a fetch that shows its request',
      (last) => [
        () => {
          throw Object.assign(new TypeError(echoed(last())), { request: echoed(last()) })
        },
      ],
    ],
  ])('is in no event, no error and no prompt: %s (DV-05, NS-09)', async (_, pollsOf) => {
    const hand = handClock()
    const last = () => bench.arrivals.at(-1) ?? expect.fail('nothing was sent')
    const bench = deviceBench({
      hand,
      answer: { ...authorization, verification_uri_complete: complete },
      polls: pollsOf(last, silence(hand)),
      serverMetadata: deviceMetadata,
    })

    const outcome: unknown = await bench.auth.getToken().catch((error: unknown) => error)

    expect(bench.arrivals[1]?.body).toContain('hunter2-device-code')
    expect(shownAs(outcome)).not.toContain('hunter2')
    expect(shownAs(bench.events)).not.toContain('hunter2')
    expect(shownAs(bench.shown)).not.toContain('hunter2')
    expect(shownAs(bench.auth)).not.toContain('hunter2')
  })

  it.each(['user_code', 'verification_uri', 'expires_in'])(
    'is in no error about an answer without %s (DV-05, NS-09)',
    async (name) => {
      const { auth, events } = deviceBench({ answer: { ...authorization, [name]: undefined } })

      const error: unknown = await auth.getToken().catch((caught: unknown) => caught)

      expect(error).toMatchObject({ code: 'invalid_response' })
      expect(shownAs([error, events])).not.toContain('hunter2')
    },
  )
})
