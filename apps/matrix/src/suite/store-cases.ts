import { ClientCredentialsAuth, encrypted, memoryStore, type TokenStore } from '@x/oauth-grants'
import { storeClaims } from '@x/oauth-grants/store-claims'
import { testClients } from '@x/testbed/clients'
import type { Case } from './case.ts'
import { holds, refused, same } from './claims.ts'

const newKey = () => crypto.getRandomValues(new Uint8Array(32))
const none = { expect: undefined }

export const storeCases: readonly Case[] = [
  {
    name: 'keeps in memory by all that is asked of a store',
    async run() {
      await checkAll(memoryStore())
    },
  },
  {
    name: 'keeps encrypted by all that is asked of a store',
    async run() {
      await checkAll(encrypted(memoryStore(), newKey()))
    },
  },
  {
    name: 'reads what an older key has encrypted, and nothing that was changed, or moved to another name',
    async run() {
      const inner = memoryStore()
      const [older, newer] = [newKey(), newKey()]
      await encrypted(inner, older).save('a', 'secret', none)
      const store = encrypted(inner, [newer, older])
      same((await store.load('a'))?.value, 'secret', 'value')
      const kept = (await inner.load('a'))?.value ?? ''
      await inner.save('b', kept, none)
      await refused(store.load('b'), { name: 'StoreError', code: 'store_unreadable' })
      await refused(encrypted(inner, newer).load('a'), { code: 'store_unreadable' })
    },
  },
  {
    name: 'keeps a token that another object finds, and nobody can read without the key',
    async run({ open }) {
      const { apiUrl, count } = await open()
      const inner = memoryStore()
      const texts: string[] = []
      const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
        'encrypt',
        'decrypt',
      ])
      const seen = {
        ...inner,
        save(...given: Parameters<typeof inner.save>) {
          texts.push(given[1])
          return inner.save(...given)
        },
      }
      let accessToken = ''
      for (let process = 0; process < 2; process += 1) {
        const store = encrypted(seen, key)
        await using auth = await ClientCredentialsAuth.fromResource({
          resourceUrl: apiUrl,
          ...testClients.worker,
          store,
        })
        ;({ accessToken } = await auth.getToken())
      }
      same(await count('authorizationServer', { method: 'POST', path: '/token' }), 1, 'token requests')
      holds(texts.length > 0 && texts.every((text) => !text.includes(accessToken)), 'the token is in no text')
    },
  },
]

/** Two that have it open share what is in it: here they are one. */
async function checkAll(store: TokenStore): Promise<void> {
  for (const { claim, check } of storeClaims({ leases: true })) {
    await check(() => store).catch((error: unknown) => {
      throw new Error(claim, { cause: error })
    })
  }
}
