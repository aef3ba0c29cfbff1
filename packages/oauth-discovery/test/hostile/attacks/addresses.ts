/**
 * Ways of leading a client to where it can go and the server cannot.
 *
 * @module
 */
import { type DiscoverOptions, fetchResourceMetadata } from '../../../src/index.ts'
import { type Attack, document, evil, evilDocument, resource, root, wellKnown } from '../attack.ts'
import { pointingAt, redirect } from '../pages.ts'

/** A challenge that points at a place, where a document is that would do. */
function challenge(guard: string, url: string, code: string, why: string, rule: string): Attack {
  return {
    guard,
    attack: `a challenge that points at ${url}, ${why}`,
    rule,
    web: { [resource]: pointingAt(url), [new URL(url).href]: document },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'resource_metadata_not_found', attempts: [{ code }, {}, {}] } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${root}`],
    unseen: [new URL(url).href],
  }
}

const data = `data:application/json,${encodeURIComponent(JSON.stringify(document))}`

/** A challenge that points at what is no place on the web. */
function unfit(guard: string, attack: string, url: string, more: DiscoverOptions = {}): Attack {
  return {
    guard,
    attack,
    rule: 'NS-02',
    web: { [resource]: pointingAt(url) },
    call: ({ discover }) => discover(more),
    outcome: {
      error: { code: 'resource_metadata_not_found', attempts: [{ code: 'insecure_url' }, {}, {}] },
    },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${root}`],
  }
}

/** A resource that names an issuer, which has a document that would do. */
function issuer(guard: string, named: string, code: string, why: string, rule: string): Attack {
  const place = `${new URL(named).origin}/.well-known/oauth-authorization-server`
  return {
    guard,
    attack: `a resource that names the issuer ${JSON.stringify(named)}, ${why}`,
    rule,
    web: { [wellKnown]: { resource, authorization_servers: [named] }, [place]: { ...evil, issuer: named } },
    call: ({ discover }) => discover(),
    outcome: { error: { code } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    unseen: [place],
  }
}

const inward = (url: string, why: string, guard = 'host') =>
  challenge(guard, url, 'address_refused', why, 'NS-01, NS-03')

export const addressAttacks: readonly Attack[] = [
  challenge('https', 'http://rs.example/meta', 'insecure_url', 'in clear text', 'NS-02'),
  challenge('https', 'http://localhost.evil.example/meta', 'insecure_url', 'which only looks local', 'NS-02'),
  challenge('https', 'http://127.0.0.1.evil.example/meta', 'insecure_url', 'no address', 'NS-02'),
  issuer('https', 'http://as.example', 'insecure_url', 'in clear text', 'NS-02, AS-13'),
  unfit('https', 'a challenge that carries its document itself, as a data: URL', data),
  unfit('https', 'a challenge that points at a file', 'file:///etc/passwd'),
  unfit('https', 'a challenge that points at a script', 'javascript:alert(1)'),
  unfit('web-only', 'a data: URL in a challenge, where the caller allows every address', data, {
    allowAddress: () => true,
  }),
  inward('https://127.0.0.1/meta', 'this machine'),
  inward('https://127.9.9.9/meta', 'this machine'),
  inward('https://2130706433/meta', 'this machine as a number'),
  inward('https://0x7f.1/meta', 'this machine in hexadecimal'),
  inward('https://0177.0.0.1/meta', 'this machine in octal'),
  inward('https://0.0.0.0/meta', 'which reaches this machine'),
  inward('https://localhost/meta', 'this machine by name'),
  inward('https://LOCALHOST./meta', 'this machine by its full name'),
  inward('https://[::1]/meta', 'this machine'),
  inward('https://[::]/meta', 'which reaches this machine'),
  inward('https://[::ffff:127.0.0.1]/meta', 'this machine mapped to IPv6'),
  inward('https://[64:ff9b::7f00:1]/meta', 'this machine translated to IPv6'),
  inward('https://[::7f00:1]/meta', 'this machine in a form of old'),
  inward('https://[2002:7f00:1::]/meta', 'this machine through 6to4'),
  inward('https://10.0.0.1/meta', 'a private network'),
  inward('https://172.16.0.1/meta', 'a private network'),
  inward('https://192.168.0.1/meta', 'a private network'),
  inward('https://100.64.0.1/meta', "a provider's network"),
  inward('https://[fd00::1]/meta', 'a private network'),
  inward('https://[::ffff:10.0.0.1]/meta', 'a private network mapped to IPv6'),
  inward('https://169.254.169.254/meta', 'where clouds give out credentials'),
  inward('https://[fe80::1]/meta', 'a link'),
  inward('https://[fd00:ec2::254]/meta', 'where clouds give out credentials'),
  inward('https://224.0.0.1/meta', 'many at once'),
  inward('https://255.255.255.255/meta', 'all at once'),
  inward('https://printer/meta', 'a name of one label', 'private-names'),
  inward('https://nas.local/meta', 'a name of the link', 'private-names'),
  inward('https://router.home.arpa/meta', 'a name at home', 'private-names'),
  inward('https://vault.internal/meta', 'a name inside', 'private-names'),
  inward('https://vault.internal./meta', 'a full name inside', 'private-names'),
  inward('https://app.localhost/meta', 'a name of this machine', 'loopback-names'),
  inward('https://[4000::1]/meta', 'an address that nobody was given', 'unallocated'),
  issuer('host', 'https://127.0.0.1', 'address_refused', 'this machine', 'NS-01, AS-16'),
  issuer('host', 'https://10.1.2.3', 'address_refused', 'a private network', 'NS-01, AS-16'),
  issuer('host', 'https://169.254.169.254', 'address_refused', "a cloud's own", 'NS-01, AS-16'),
  issuer('private-names', 'https://keycloak', 'address_refused', 'a name of one label', 'NS-01, AS-16'),
  {
    guard: 'host',
    attack: 'a server in a private network that leads to this machine',
    rule: 'NS-01, NS-03',
    web: { 'https://127.0.0.1/meta': { resource: 'https://10.0.0.5/mcp' } },
    call: ({ options }) =>
      fetchResourceMetadata('https://10.0.0.5/mcp', { ...options, metadataUrl: 'https://127.0.0.1/meta' }),
    outcome: { error: { attempts: [{ code: 'address_refused' }, {}, {}] } },
    seen: [
      'GET https://10.0.0.5/.well-known/oauth-protected-resource/mcp',
      'GET https://10.0.0.5/.well-known/oauth-protected-resource',
    ],
    unseen: ['https://127.0.0.1/meta'],
  },
  {
    guard: 'credentials',
    attack: 'a challenge that points at https://rs.example@evil.example',
    rule: 'NS-01',
    web: {
      [resource]: pointingAt('https://rs.example@evil.example/meta'),
      'https://evil.example/meta': evilDocument,
    },
    call: ({ discover }) => discover(),
    outcome: {
      error: { code: 'resource_metadata_not_found', attempts: [{ code: 'invalid_url' }, {}, {}] },
    },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${root}`],
    unseen: ['https://evil.example/meta'],
  },
  {
    guard: 'every-hop',
    attack: 'a redirect to a URL with a password, on the same host',
    rule: 'NS-04',
    web: {
      [wellKnown]: redirect('https://user:secret@rs.example/meta'),
      'https://rs.example/meta': document,
    },
    call: ({ options }) => fetchResourceMetadata(resource, options),
    outcome: {
      error: { attempts: [{ code: 'invalid_url' }, {}] },
    },
    seen: [`GET ${wellKnown}`, `GET ${root}`],
    unseen: ['https://rs.example/meta'],
    untold: /secret/,
  },
  {
    guard: 'every-hop',
    attack: 'a redirect within a host of which only one page is allowed in clear text',
    rule: 'NS-04',
    web: {
      'http://rs.example/.well-known/oauth-protected-resource/mcp': redirect('/meta'),
      'http://rs.example/meta': { resource: 'http://rs.example/mcp' },
    },
    call: ({ options }) =>
      fetchResourceMetadata('http://rs.example/mcp', {
        ...options,
        allowAddress: ({ pathname }) => pathname.startsWith('/.well-known/'),
      }),
    outcome: { error: { attempts: [{ code: 'insecure_url' }, {}] } },
    seen: [
      'GET http://rs.example/.well-known/oauth-protected-resource/mcp',
      'GET http://rs.example/.well-known/oauth-protected-resource',
    ],
    unseen: ['http://rs.example/meta'],
  },
  issuer('issuer-credentials', 'https://as.example@evil.example', 'invalid_url', 'an impostor', 'AS-07'),
  issuer('issuer-query', 'https://evil.example?https://as.example', 'invalid_url', 'with a query', 'AS-07'),
  issuer('issuer-query', 'https://evil.example#as.example', 'invalid_url', 'with a fragment', 'AS-07'),
  issuer('repaired-urls', 'https:\\\\evil.example\\', 'invalid_url', 'which parsers repair', 'AS-07'),
  issuer('repaired-urls', 'https://ev\til.example', 'invalid_url', 'which parsers repair', 'AS-07'),
  issuer('repaired-urls', ' https://evil.example', 'invalid_url', 'which parsers repair', 'AS-07'),
  ...['javascript:alert(1)', 'file:///etc/passwd', 'data:application/json,{}'].map(
    (named): Attack => ({
      guard: 'issuer-scheme',
      attack: `a resource that names the issuer ${named}`,
      rule: 'AS-07, NS-02',
      web: { [wellKnown]: { resource, authorization_servers: [named] } },
      call: ({ discover }) => discover(),
      outcome: { error: { code: 'invalid_url', url: JSON.stringify(named) } },
      seen: [`GET ${resource}`, `GET ${wellKnown}`],
    }),
  ),
]
