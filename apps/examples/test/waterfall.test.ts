import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Happening } from '../src/stage/timeline.ts'
import { drawWaterfall } from '../src/stage/waterfall.ts'

const [mcp, server] = ['http://127.0.0.1:1/mcp', 'https://as.example']
const document = `${server}/.well-known/oauth-authorization-server`

/** As the fetch of an example tells it. */
function request(
  end: number,
  ms: number,
  method: string,
  url: string,
  status?: number,
  asked = '',
): Happening {
  return { type: 'request', at: end, flow: '', method, url, status, ms, asked }
}

/** As the packages tell it. */
function exchange(
  at: number,
  method: string,
  url: string,
  more: { status?: number; code?: string },
): Happening {
  return { type: 'exchange', at, flow: 'f', purpose: 'it', method, url, ms: 1, ...more }
}

describe('a waterfall', () => {
  it('shows requests as bars, those side by side as such, and what was decided between them', () => {
    const happenings: Happening[] = [
      request(1_010, 10, 'GET', mcp, 401),
      exchange(1_010, 'GET', mcp, { status: 401 }),
      {
        type: 'challenge',
        at: 1_010,
        flow: 'f',
        url: mcp,
        challenges: [{ scheme: 'bearer', parameters: { error: 'invalid_token', scope: 'a' } }],
      },
      request(1_030, 25, 'GET', document, 200),
      exchange(1_030, 'GET', document, { status: 200 }),
      { type: 'candidate', at: 1_030, flow: 'f', url: document, outcome: 'used' },
      { type: 'renewal', at: 1_030, flow: 'f', why: 'absent', outcome: 'started' },
      request(1_070, 40, 'POST', `${server}/token`, 503, 'client_credentials'),
      exchange(1_070, 'POST', `${server}/token`, { status: 503, code: 'unavailable' }),
      { type: 'renewal', at: 1_070, flow: 'f', why: 'absent', outcome: 'failed', code: 'unavailable' },
      { type: 'remark', at: 1_080, flow: '', text: 'nobody is there' },
      request(1_100, 10, 'GET', `${mcp}?secret=1`),
    ]

    expect(drawWaterfall(happenings)).toEqual([
      '  A  127.0.0.1:1',
      '  B  as.example              authorization server',
      '',
      '     0 ms  ┌ A GET  /mcp                                            401    10 ms ██▊',
      '     5 ms  └ B GET  /.well-known/oauth-authorization-server  used   200    25 ms  ███████▍',
      '    10 ms      · challenged: Bearer, invalid_token, names its scope',
      '    30 ms      · a token is wanted: there is none',
      '    30 ms    B POST /token  client_credentials, unavailable         503    40 ms         ███████████▋',
      '    70 ms      · no token has come: unavailable',
      '    80 ms      · nobody is there',
      '    90 ms    A GET  /mcp                                            ---    10 ms                          ███',
    ])
  })

  it('has colours where they are wanted, and nothing else besides', () => {
    const happenings = [request(10, 10, 'GET', mcp, 200)]

    const [plain, coloured] = [drawWaterfall(happenings), drawWaterfall(happenings, { inColour: true })]

    expect(coloured.join('\n')).toContain('\u001b[')
    expect(coloured.map((line) => stripVTControlCharacters(line))).toEqual(plain)
  })

  it('shows nothing of what a stranger has put into a challenge, and no query', () => {
    const secret = 'the-secret'
    const parameters = {
      error: secret,
      scope: secret,
      realm: secret,
      resource_metadata: secret,
      [secret]: secret,
    }
    const lines = drawWaterfall([
      { type: 'challenge', at: 1, flow: '', url: mcp, challenges: [{ scheme: secret, parameters }] },
      exchange(2, 'GET', `${mcp}?token=${secret}`, { status: 200 }),
    ])

    expect(lines.join('\n')).not.toContain(secret)
  })

  it('is no wider than 110 columns, whatever it shows', () => {
    const long = 'x'.repeat(200)
    const lines = drawWaterfall([
      request(99_999_999, 99_999_999, 'DELETE', `${mcp}/${long}`, 200, `tools/call ${long}`),
      { type: 'remark', at: 99_999_999, flow: '', text: long },
    ])

    expect(lines.filter((line) => line.length > 110)).toEqual([])
  })

  it('is empty where nothing has happened', () => {
    expect(drawWaterfall([])).toEqual([''])
  })
})
