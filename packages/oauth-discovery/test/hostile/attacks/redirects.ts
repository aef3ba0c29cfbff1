/**
 * Ways of moving a request elsewhere after it was vetted.
 *
 * @module
 */

import { withHttp } from '../../../src/http.ts'
import { DiscoveryError, fetchAuthorizationServerMetadata } from '../../../src/index.ts'
import { type Attack, evil, issuer, metadata, openid, resource, server, wellKnown } from '../attack.ts'
import { after, answer, redirect } from '../pages.ts'

/** A redirect of the server's document to a place where a document is that would do. */
function leading(guard: string, to: string, why: string, rule: string, status = 302): Attack {
  const target = new URL(to, server)
  target.username = ''
  return {
    guard,
    attack: `a ${status} from the metadata of a server to ${to}, ${why}`,
    rule,
    web: { [server]: redirect(to, status), [target.href]: metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { attempts: [{ code: 'redirect_refused' }, {}] } },
    seen: [`GET ${server}`, `GET ${openid}`],
    unseen: [target.href],
  }
}

const chain = (length: number) =>
  Object.fromEntries(
    Array.from({ length }, (_, at) => [
      at === 0 ? server : `https://as.example/${at}`,
      redirect(`/${at + 1}`),
    ]),
  )

export const redirectAttacks: readonly Attack[] = [
  leading('redirect-origin', 'https://evil.example/meta', 'another host', 'NS-04'),
  leading('redirect-origin', 'https://evil.example/meta', 'another host', 'NS-04', 307),
  leading('redirect-origin', 'https://evil.example/meta', 'another host', 'NS-04', 308),
  leading('redirect-origin', '//evil.example/meta', 'another host', 'NS-04'),
  leading('redirect-origin', 'http://as.example/meta', 'the same in clear text', 'NS-04, NS-02'),
  leading('redirect-origin', 'https://127.0.0.1/meta', 'this machine', 'NS-04, NS-01'),
  leading('redirect-origin', 'https://169.254.169.254/latest/meta-data', 'the credentials', 'NS-04, NS-01'),
  leading('redirect-origin', 'https://as.example@evil.example/meta', 'another host', 'NS-04'),
  {
    guard: 'redirect-origin',
    attack: 'a redirect to another port of the same host',
    rule: 'NS-04',
    web: { [server]: redirect('https://as.example:8443/meta') },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { attempts: [{ code: 'redirect_refused' }, { status: 404 }] } },
    seen: [`GET ${server}`, `GET ${openid}`],
  },
  leading('redirects-by-hand', 'https://evil.example/other', 'which a client of HTTP would follow', 'NS-04'),
  {
    guard: 'redirect-origin',
    attack: 'a redirect of the first question to another host',
    rule: 'NS-04, CH-11',
    web: {
      [resource]: after(`GET ${wellKnown}`, redirect('https://evil.example/mcp')),
      'https://evil.example/mcp': answer(401, {
        'www-authenticate': 'Bearer resource_metadata="https://evil.example/meta"',
      }),
    },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'redirect_refused' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    unseen: ['https://evil.example/mcp'],
  },
  {
    guard: 'redirect-answers',
    attack: 'a 302 that says not where to',
    rule: 'NS-04',
    web: { [server]: answer(302) },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { attempts: [{ code: 'redirect_refused' }, { status: 404 }] } },
    seen: [`GET ${server}`, `GET ${openid}`],
  },
  {
    guard: 'redirect-count',
    attack: 'four redirects on end',
    rule: 'NS-04',
    web: { ...chain(4), 'https://as.example/4': metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { attempts: [{ code: 'redirect_refused' }, {}] } },
    seen: [
      `GET ${server}`,
      'GET https://as.example/1',
      'GET https://as.example/2',
      'GET https://as.example/3',
      `GET ${openid}`,
    ],
    unseen: ['https://as.example/4'],
  },
  {
    guard: 'redirect-count',
    attack: 'a redirect that leads to itself',
    rule: 'NS-04',
    web: { [server]: redirect(server) },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { attempts: [{ code: 'redirect_refused' }, {}] } },
    seen: [`GET ${server}`, `GET ${server}`, `GET ${server}`, `GET ${server}`, `GET ${openid}`],
  },
  ...[302, 307].map(
    (status): Attack => ({
      guard: 'redirect-post',
      attack: `a ${status} that sends a form on, within the host`,
      rule: 'NS-04, RFC 9700 §4.12',
      web: {
        'https://as.example/token': redirect('/elsewhere', status),
        'https://as.example/elsewhere': evil,
      },
      call: ({ options }) => {
        const fail = (code: 'redirect_refused', message: string, details: { url: string }) =>
          new DiscoveryError(code, message, details)
        const context = { callerUrl: issuer, fail: fail as never, emit: () => {} } // only this code is expected
        const form = new URLSearchParams({ code: 'x' })
        return withHttp(options, context, (http) =>
          http({
            purpose: 'token request',
            url: 'https://as.example/token',
            body: form,
            headers: new Headers(),
          }),
        )
      },
      outcome: { error: { code: 'redirect_refused' } },
      seen: ['POST https://as.example/token'],
      unseen: ['https://as.example/elsewhere'],
    }),
  ),
]
