/**
 * The entries `./node`, loaded by a runtime that has what they need.
 *
 * @module
 */
import { fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { storeClaims } from '@x/oauth-grants/store-claims'
import { testClients } from '@x/testbed/clients'
import type { Case } from './case.ts'
import { refused, same } from './claims.ts'

const except = {
  workerd:
    'it has no files and no sockets of Node, so that `@x/oauth-grants/node` and `@x/oauth-discovery/node` cannot be loaded',
  Chromium:
    'a browser has no files and no sockets, so that `@x/oauth-grants/node` and `@x/oauth-discovery/node` cannot be loaded',
}

export const nodeCases: readonly Case[] = [
  {
    name: 'keeps tokens in a file that several share, by all that is asked of a store',
    except,
    async run({ folder }) {
      const { fileStore } = await import('@x/oauth-grants/node')
      for (const { claim, check } of storeClaims({ leases: true })) {
        await check(() => fileStore({ path: `${folder}/credentials.json` })).catch((error: unknown) => {
          throw new Error(claim, { cause: error })
        })
      }
    },
  },
  {
    name: 'keeps that file to its owner',
    except,
    async run({ folder }) {
      const { fileStore } = await import('@x/oauth-grants/node')
      const { chmod, stat } = await import('node:fs/promises')
      const path = `${folder}/credentials.json`
      const store = fileStore({ path })
      await store.save('a', 'b', { expect: undefined })
      same(((await stat(path)).mode & 0o777).toString(8), '600', 'mode')
      await chmod(path, 0o644)
      await refused(store.load('a'), { name: 'StoreError', code: 'store_unsafe' })
    },
  },
  {
    name: 'receives a browser on this machine (RFC 8252 §7.3)',
    except,
    async run({ open, agree, folder }) {
      const { fileStore, loopbackReceiver } = await import('@x/oauth-grants/node')
      const { apiUrl } = await open()
      const pages: string[] = []
      const options = {
        resourceUrl: apiUrl,
        ...testClients.cli,
        store: fileStore({ path: `${folder}/credentials.json` }),
        authorize: loopbackReceiver({
          async open(url) {
            const response = await fetch(await agree(url))
            pages.push(await response.text())
          },
        }),
      }
      await using auth = await AuthorizationCodeAuth.fromResource(options)
      await auth.getToken()
      same((await auth.fetch(apiUrl)).status, 200, 'status')
      same(pages.length, 1, 'pages')
      await using another = await AuthorizationCodeAuth.fromResource(options)
      same((await another.fetch(apiUrl)).status, 200, 'status of another process')
    },
  },
  {
    name: 'connects to allowed addresses only, also where a name leads to others',
    except,
    async run({ open }) {
      const { egressFetch } = await import('@x/oauth-discovery/node')
      const { issuer } = await open()
      await using wary = egressFetch()
      await refused(fetchAuthorizationServerMetadata(issuer, { fetch: wary }), { code: 'address_refused' })
      const named = issuer.replace('127.0.0.1', 'localhost')
      await refused(fetchAuthorizationServerMetadata(named, { fetch: wary }), { code: 'address_refused' })
      await using allowing = egressFetch({ allow: ['127.0.0.0/8'] })
      same((await fetchAuthorizationServerMetadata(issuer, { fetch: allowing })).issuer, issuer, 'issuer')
    },
  },
]
