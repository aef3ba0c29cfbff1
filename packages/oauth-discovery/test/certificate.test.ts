import { once } from 'node:events'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../src/index.ts'

// Made up for this test and good for nothing else: 127.0.0.1, signed by its own key, until 2120.
const key = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIPP4bm45EOIwdzP1zH4Be4dMfq4LmS/KDB2UDSdurIq5
-----END PRIVATE KEY-----`
const cert = `-----BEGIN CERTIFICATE-----
MIHhMIGUoAMCAQICAQEwBQYDK2VwMA8xDTALBgNVBAMMBHRlc3QwIBcNMjAwMTAx
MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3QwKjAFBgMr
ZXADIQBKVCStsFUZ7wSwirgLWzOhYdCjEJi83umOhnQvOU2oQaMTMBEwDwYDVR0R
BAgwBocEfwAAATAFBgMrZXADQQARDJ0jS0n8oO2fQJWLmqhBsz24/lpQrj/Rh3NX
gbXgFiqLWiL9Xlt+G9ifoPA1U7hxl0XZo59WVFOVtLsJHigP
-----END CERTIFICATE-----`

const trustingFetch = async (input: string | URL | Request) => {
  const [answer] = await once(get(new Request(input).url, { ca: cert }), 'response')
  return Response.json(await json(answer))
}

it.each([
  ['an authorization server', fetchAuthorizationServerMetadata],
  ['a resource', fetchResourceMetadata],
])('asks nothing of %s before its certificate is trusted (PR-17, AS-13, NS-07)', async (_, read) => {
  const asked: unknown[] = []
  await using server = createServer({ key, cert }, ({ url }, response) => {
    asked.push(url)
    response.end(JSON.stringify({ issuer: origin, resource: origin }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  await expect(read(origin)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('(DEPTH_ZERO_SELF_SIGNED_CERT)'),
  })
  expect(asked).toEqual([])

  await expect(read(origin, { fetch: trustingFetch })).resolves.toMatchObject({ issuer: origin })
  expect(asked).toHaveLength(1)
})
