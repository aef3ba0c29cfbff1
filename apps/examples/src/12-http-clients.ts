import { ClientCredentialsAuth } from '@x/oauth-grants'
import axios from 'axios'
import ky from 'ky'
import { request } from 'undici'
import type { Stage } from './stage/stage.ts'

/** The HTTP client that you have: whatever takes a `fetch` takes `auth.fetch`, and whatever does not takes a token. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  await using auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    ...options,
  })

  // ky, and axios from 1.12: the token is put on underneath, and a refused one is replaced there.
  const withKy = ky.create({ fetch: auth.fetch })
  const withAxios = axios.create({ adapter: 'fetch', env: { fetch: auth.fetch } })

  // undici's own request: this is all that there is to it.
  const withUndici = async (address: string) => {
    if (!auth.origins.includes(new URL(address).origin)) throw new Error(`No token is for ${address}`)
    const token = await auth.getToken({ interactive: false })
    const send = ({ tokenType, accessToken }: typeof token) =>
      request(address, { headers: { authorization: `${tokenType} ${accessToken}` } })
    const answer = await send(token)
    if (answer.statusCode !== 401) return answer
    await answer.body.dump() // the connection is free again
    return send(await auth.getToken({ rejected: token, interactive: false })) // once, and no more
  }

  const work = async () => ({
    ky: await withKy.get(url).text(),
    axios: JSON.stringify((await withAxios.get(url)).data),
    undici: await (await withUndici(url)).body.text(),
  })
  stage.say('undici sends by itself: what it sends is not in this list')
  const first = await work()
  stage.say('the token is refused from here on')
  await stage.refuse(auth)
  const second = await work()

  stage.report(first)
  const texts = new Set(Object.values({ ...first, ...second }).map((text) => text.replaceAll(/\s+/g, '')))
  stage.claim('all three were answered alike, before and afterwards', texts.size === 1)
  const tokenRequests = stage.exchanges.filter(({ asked }) => asked === 'client_credentials')
  stage.claim('with two tokens in all: one for the three of them, and one more', tokenRequests.length === 2)
}
