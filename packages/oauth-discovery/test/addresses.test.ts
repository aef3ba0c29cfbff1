import { readFile } from 'node:fs/promises'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { reachOfAddress } from '../src/addresses.ts'
import { reachOfAddress as reachInBrowser } from '../src/addresses-browser.ts'
import { discoverAuthorizationServer, fetchAuthorizationServerMetadata } from '../src/index.ts'
import { pages, unauthorized } from './pages.ts'

const reaches = [
  // Every entry of the IANA IPv4 Special-Purpose Address Registry, and those of RFC 5771 and RFC 3171.
  ['0.0.0.0', 'loopback', '"this host on this network"'],
  ['0.255.255.255', 'loopback', '"this network"'],
  ['10.0.0.0', 'private', 'private use'],
  ['10.255.255.255', 'private', 'private use'],
  ['100.64.0.1', 'private', 'shared address space, RFC 6598'],
  ['100.127.255.255', 'private', 'shared address space, RFC 6598'],
  ['127.0.0.1', 'loopback', 'loopback'],
  ['127.255.255.254', 'loopback', 'loopback'],
  ['169.254.0.1', 'special', 'link-local'],
  ['169.254.169.254', 'special', 'link-local, where clouds give out credentials'],
  ['172.16.0.0', 'private', 'private use'],
  ['172.31.255.255', 'private', 'private use'],
  ['192.0.0.0', 'special', 'IETF protocol assignments, IPv4 service continuity prefix'],
  ['192.0.0.8', 'special', 'IPv4 dummy address'],
  ['192.0.0.9', 'special', 'Port Control Protocol anycast'],
  ['192.0.0.10', 'special', 'TURN anycast'],
  ['192.0.0.170', 'special', 'NAT64/DNS64 discovery'],
  ['192.0.0.171', 'special', 'NAT64/DNS64 discovery'],
  ['192.0.0.192', 'special', 'IETF protocol assignments, where one cloud gives out credentials'],
  ['192.0.2.1', 'special', 'documentation'],
  ['192.31.196.1', 'special', 'AS112'],
  ['192.52.193.1', 'special', 'AMT'],
  ['192.88.99.1', 'special', '6to4 relay anycast'],
  ['192.88.99.2', 'special', '6a44 relay anycast'],
  ['192.168.0.0', 'private', 'private use'],
  ['192.168.255.255', 'private', 'private use'],
  ['192.175.48.1', 'special', 'direct delegation AS112'],
  ['198.18.0.1', 'special', 'benchmarking'],
  ['198.19.255.255', 'special', 'benchmarking'],
  ['198.51.100.1', 'special', 'documentation'],
  ['203.0.113.1', 'special', 'documentation'],
  ['224.0.0.1', 'special', 'multicast'],
  ['239.255.255.255', 'special', 'multicast'],
  ['240.0.0.1', 'special', 'reserved'],
  ['255.255.255.255', 'special', 'limited broadcast'],
  // Right beside them.
  ['1.0.0.0', 'public', 'behind "this network"'],
  ['9.255.255.255', 'public', 'before private use'],
  ['11.0.0.0', 'public', 'behind private use'],
  ['100.63.255.255', 'public', 'before the shared address space'],
  ['100.128.0.0', 'public', 'behind the shared address space'],
  ['126.255.255.255', 'public', 'before loopback'],
  ['128.0.0.0', 'public', 'behind loopback'],
  ['169.253.255.255', 'public', 'before link-local'],
  ['169.255.0.0', 'public', 'behind link-local'],
  ['172.15.255.255', 'public', 'before private use'],
  ['172.32.0.0', 'public', 'behind private use'],
  ['192.169.0.0', 'public', 'behind private use'],
  ['198.20.0.0', 'public', 'behind benchmarking'],
  ['223.255.255.255', 'public', 'before multicast'],
  ['8.8.8.8', 'public', 'given out'],
  // Every entry of the IANA IPv6 Special-Purpose Address Registry, and what RFC 4291 and RFC 3879 add.
  ['::1', 'loopback', 'loopback'],
  ['::', 'loopback', 'unspecified'],
  ['::ffff:127.0.0.1', 'loopback', 'IPv4-mapped loopback'],
  ['::ffff:7f00:1', 'loopback', 'IPv4-mapped loopback'],
  ['::ffff:0:0', 'loopback', 'IPv4-mapped unspecified'],
  ['::ffff:a9fe:a9fe', 'special', 'IPv4-mapped link-local'],
  ['::ffff:10.0.0.1', 'private', 'IPv4-mapped private use'],
  ['::ffff:8.8.8.8', 'public', 'IPv4-mapped public'],
  ['64:ff9b::8.8.8.8', 'public', 'translated public, RFC 6052'],
  ['64:ff9b::127.0.0.1', 'loopback', 'translated loopback'],
  ['64:ff9b::a00:1', 'private', 'translated private use'],
  ['64:ff9b::169.254.169.254', 'special', 'translated link-local'],
  ['64:ff9b:1::8.8.8.8', 'special', 'local-use translation, RFC 8215'],
  ['64:ff9b:1:ffff:ffff:ffff:808:808', 'special', 'local-use translation, RFC 8215'],
  ['64:ff9b::1:808:808', 'special', 'right behind the translated'],
  ['100::1', 'special', 'discard only'],
  ['100:0:0:1::1', 'special', 'dummy prefix, RFC 9780'],
  ['2001:1ff:ffff::1', 'special', 'IETF protocol assignments'],
  ['2001::1', 'special', 'Teredo'],
  ['2001:0:7f00:1::1', 'special', 'Teredo'],
  ['2001:1::1', 'special', 'Port Control Protocol anycast'],
  ['2001:1::2', 'special', 'TURN anycast'],
  ['2001:1::3', 'special', 'DNS-SD registration anycast'],
  ['2001:2::1', 'special', 'benchmarking'],
  ['2001:3::1', 'special', 'AMT'],
  ['2001:4:112::1', 'special', 'AS112'],
  ['2001:10::1', 'special', 'ORCHID'],
  ['2001:20::1', 'special', 'ORCHIDv2'],
  ['2001:30::1', 'special', 'drone identification'],
  ['2001:db8::1', 'special', 'documentation'],
  ['2002:7f00:1::1', 'special', '6to4 of loopback'],
  ['2002:808:808::1', 'special', '6to4 of a public address'],
  ['2620:4f:8000::1', 'special', 'direct delegation AS112'],
  ['3fff::1', 'special', 'documentation, RFC 9637'],
  ['5f00::1', 'special', 'segment routing'],
  ['fc00::1', 'private', 'unique local'],
  ['fdff:ffff::1', 'private', 'unique local'],
  ['fd00:ec2::254', 'private', 'unique local, where one cloud gives out credentials'],
  ['fe80::1', 'special', 'link-local'],
  ['fe80::1%eth0', 'special', 'link-local, with its zone'],
  ['febf::1', 'special', 'link-local'],
  ['fec0::1', 'special', 'site-local, RFC 3879'],
  ['ff02::1', 'special', 'multicast'],
  ['::127.0.0.1', 'special', 'IPv4-compatible, RFC 4291 §2.5.5.1'],
  ['::8.8.8.8', 'special', 'IPv4-compatible, RFC 4291 §2.5.5.1'],
  ['::ffff:0:127.0.0.1', 'special', 'IPv4-translated, RFC 2765'],
  ['4000::1', 'special', 'given out to nobody, RFC 4291 §2.4'],
  ['1fff::1', 'special', 'given out to nobody, RFC 4291 §2.4'],
  ['2001:200::1', 'public', 'behind the protocol assignments'],
  ['2003::1', 'public', 'behind 6to4'],
  ['2606:4700:4700::1111', 'public', 'given out'],
  ['3ffe::1', 'public', 'before documentation'],
] as const

describe('an address', () => {
  it.each(reaches)('%s is %s: %s (NS-01, NS-03, IANA special-purpose registries)', async (address, reach) => {
    expect(await reachOfAddress(address)).toBe(reach)
  })

  it.each(['8.8.8.8', '127.0.0.1', '2606:4700:4700::1111'])(
    '%s is taken for private in a browser, which has no registry (NS-03)',
    async () => {
      expect(await reachInBrowser()).toBe('private')
    },
  )

  it('is judged by the registries everywhere but in a browser (NS-03)', async () => {
    const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
    const { imports } = JSON.parse(text)

    expect(Object.entries(imports['#addresses'])).toEqual([
      ['@x/source', './src/addresses.ts'],
      // Workers also have the condition `browser`: the first that holds counts.
      ['workerd', './dist/addresses.js'],
      ['worker', './dist/addresses.js'],
      ['browser', './dist/addresses-browser.js'],
      ['default', './dist/addresses.js'],
    ])
  })
})

const wellKnown = '/.well-known/oauth-protected-resource'

/** Whether a resource may send us to a URL by its challenge. */
async function follows(caller: string, target: string): Promise<boolean> {
  const web = pages({ [caller]: unauthorized(`Bearer resource_metadata="${target}"`) })
  const attempt = discoverAuthorizationServer(caller, web)
  await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_not_found' })
  return web.asked.some((each) => !each.includes(wellKnown) && each !== `GET ${caller}`)
}

describe('a resource on the network', () => {
  it.each([
    'https://0x7f.1/m',
    'https://0X7F.0.0.1/m',
    'https://2130706433/m',
    'https://0x7f000001/m',
    'https://0177.0.0.1/m',
    'https://017700000001/m',
    'https://127.1/m',
    'https://127.0.1/m',
    'https://127.0.0.1./m',
    'https://127%2e0%2e0%2e1/m',
    'https://[::ffff:127.0.0.1]/m',
    'https://[0:0:0:0:0:FFFF:7F00:0001]/m',
    'https://[0000::1]/m',
    'https://[::FFFF:A9FE:A9FE]/m',
    'https://[64:ff9b::7f00:1]/m',
    'https://[FE80::1]/m',
    'https://0/m',
    'https://0xa9fea9fe/m',
    'https://169.254.169.254./m',
    'https://10.1/m',
    'https://LOCALHOST/m',
    'https://App.LocalHost./m',
    'https://loc%61lhost/m',
    'https://Keycloak/m',
    'https://keycloak./m',
    'https://DB.Internal/m',
    'https://printer.local./m',
    'HTTPS://Nas.Home.ARPA/m',
    'https://metadata.google.internal/m',
  ])('does not lead us to %s (NS-01, NS-03)', async (target) => {
    expect(await follows('https://rs.example/mcp', target)).toBe(false)
  })

  it.each([
    'https://other.example/m',
    'https://8.8.8.8/m',
    'https://[2606:4700:4700::1111]/m',
    'https://[64:ff9b::808:808]/m',
    'https://localhost.example/m',
    'https://internal.example/m',
    'https://notlocal.example/m',
    'https://127.0.0.1.example/m',
  ])('leads us to %s, which is public as far as its name tells', async (target) => {
    expect(await follows('https://rs.example/mcp', target)).toBe(true)
  })
})

describe('who may lead where (NS-01, NS-03)', () => {
  it.each([
    // From outside: nowhere inside.
    ['https://rs.example/mcp', 'https://10.0.0.5/m', false],
    ['https://8.8.8.8/mcp', 'https://192.168.1.1/m', false],
    // In private they know of each other, but not of this machine, nor of what is no host.
    ['https://10.0.0.5/mcp', 'https://192.168.1.1/m', true],
    ['https://10.0.0.5/mcp', 'https://keycloak/m', true],
    ['https://keycloak/mcp', 'https://[fd00::1]/m', true],
    ['https://rs.internal/mcp', 'https://as.home.arpa/m', true],
    ['https://100.64.0.1/mcp', 'https://as.local/m', true],
    ['https://10.0.0.5/mcp', 'https://as.example/m', true],
    ['https://10.0.0.5/mcp', 'https://127.0.0.1/m', false],
    ['https://keycloak/mcp', 'https://localhost/m', false],
    ['https://keycloak/mcp', 'https://169.254.169.254/m', false],
    // Whoever named this machine sits at it.
    ['http://localhost:3000/mcp', 'https://127.0.0.1/m', true],
    ['http://127.0.0.1:3000/mcp', 'http://localhost:9000/m', true],
    ['http://[::1]:3000/mcp', 'https://10.0.0.5/m', true],
    ['http://app.localhost/mcp', 'https://keycloak/m', true],
    ['http://localhost:3000/mcp', 'https://169.254.169.254/m', false],
    ['http://localhost:3000/mcp', 'https://as.example/m', true],
    // The same host is where the caller has sent us.
    ['https://10.0.0.5/mcp', 'https://10.0.0.5:8443/m', true],
    ['https://169.254.169.254/mcp', 'https://169.254.169.254/m', true],
    ['https://[fe80::1]/mcp', 'https://[fe80::1]:8443/m', true],
  ])('%s to %s: %s', async (caller, target, expected) => {
    expect(await follows(caller, target)).toBe(expected)
  })
})

/** What a message advises, as its reader would paste it. */
function adviceOf(error: Error): (url: URL) => boolean {
  const [, source] = /If you trust it, pass allowAddress: (.+)\.$/.exec(error.message) ?? []
  return runInNewContext(`(${source})`)
}

describe('a refusal', () => {
  it('names the option that lets plain http through, and it does (NS-02, NS-03)', async () => {
    const issuer = 'http://keycloak:8080'
    const web = pages({ [`${issuer}/.well-known/oauth-authorization-server`]: { issuer } })

    const error = await fetchAuthorizationServerMetadata(issuer, web).catch((caught: Error) => caught)

    expect(error).toMatchObject({
      code: 'insecure_url',
      message: expect.stringContaining('allowAddress: ({ host }) => host === "keycloak:8080"'),
    })
    expect(web.asked).toEqual([])
    const allowAddress = adviceOf(error as Error) // it was refused
    await expect(fetchAuthorizationServerMetadata(issuer, { ...web, allowAddress })).resolves.toEqual({
      issuer,
    })
  })

  it.each([
    ['https://10.0.0.5:8443', '10.0.0.5:8443'],
    ['https://[fd00::5]', '[fd00::5]'],
    ['https://localhost:8443', 'localhost:8443'],
    ['https://①②⑦.0.0.1', '127.0.0.1'],
    ['https://127。0。0。1:8443', '127.0.0.1:8443'],
  ])('names the option that lets %s through, and it does (NS-03)', async (issuer, host) => {
    const resource = 'https://rs.example/mcp'
    const web = pages({
      [resource]: unauthorized(),
      [`https://rs.example${wellKnown}/mcp`]: { resource, authorization_servers: [issuer] },
      [`https://${host}/.well-known/oauth-authorization-server`]: { issuer },
    })

    const error = await discoverAuthorizationServer(resource, web).catch((caught: Error) => caught)

    expect(error).toMatchObject({
      code: 'address_refused',
      recovery: 'terminal',
      message: expect.stringContaining(
        `https://rs.example/mcp led to this address, which is not public. If you trust it, pass allowAddress: ({ host }) => host === "${host}".`,
      ),
    })
    expect(web.asked.filter((each) => !each.includes('rs.example'))).toEqual([])
    const allowAddress = adviceOf(error as Error) // it was refused
    await expect(discoverAuthorizationServer(resource, { ...web, allowAddress })).resolves.toMatchObject({
      authorizationServerMetadata: { issuer },
    })
  })
})
