import { customFetch, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { type Challenge, parseWwwAuthenticate } from '../src/index.ts'
import { serverVectors } from './server-vectors.ts'
import { vectors } from './vectors.ts'

/** What oauth4webapi reads: its requests reject with the challenges of the answer, if it finds any. */
async function readByPeer(header: string): Promise<readonly Challenge[]> {
  const headers = new Headers({ 'www-authenticate': header })
  const respond = () => Promise.resolve(new Response(null, { status: 401, headers }))
  const url = new URL('https://rs.example/mcp')
  try {
    await protectedResourceRequest('token', 'GET', url, new Headers(), null, { [customFetch]: respond })
    return []
  } catch (error) {
    if (!(error instanceof WWWAuthenticateChallengeError)) throw error
    // Its parameters are a plain object of strings; its type lists known names only.
    return error.cause as unknown as Challenge[]
  }
}

/** Members in order, whatever the prototype. */
const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, token68, parameters }) => [scheme, token68, Object.entries(parameters)])

const all = [...vectors, ...serverVectors]
const agreed = all.filter(({ peer }) => peer === undefined)
const disputed = all.flatMap((each) => (each.peer === undefined ? [] : [{ ...each, peer: each.peer }]))

describe('oauth4webapi', () => {
  it.each(agreed)('reads as we do $claim', async ({ header }) => {
    const theirs = await readByPeer(header)

    const ours = parseWwwAuthenticate(header)
    expect(plain(theirs)).toEqual(plain(ours))
  })

  it.each(disputed)('reads otherwise $claim', async ({ header, peer }) => {
    const theirs = await readByPeer(header)

    const ours = parseWwwAuthenticate(header)
    expect(plain(theirs)).toEqual(plain(peer.reads))
    expect(plain(theirs)).not.toEqual(plain(ours))
    expect(peer.differs).toMatch(/RFC \d{4} §/)
  })
})
