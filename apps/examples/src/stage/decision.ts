import type { Challenge } from '@x/oauth-discovery'
import type { RefusalReason, RenewalReason } from '@x/oauth-grants'
import type { Exchange, Happening } from './timeline.ts'

/** What was decided, as a phrase; nothing for what is no decision. */
export function decisionOf(event: Exclude<Happening, Exchange | { type: 'exchange' | 'candidate' }>): string {
  switch (event.type) {
    case 'remark':
      return event.text
    case 'challenge':
      return `challenged: ${event.challenges.map(wordsOf).join('; ') || 'without a word'}`
    case 'ignored':
      return `of the wrong type, and taken for absent: ${event.member}`
    case 'renewal':
      if (event.outcome === 'started') return `a token is wanted: ${wants[event.why]}`
      if (event.outcome === 'obtained') return 'a token has come'
      if (event.outcome === 'adopted') return 'a token is there already, in the store'
      return `no token has come: ${event.code ?? 'failed'}`
    case 'lease':
      return { waiting: 'another has the turn', held: 'it is our turn', lost: 'the turn is lost' }[
        event.outcome
      ]
    case 'refusal': {
      const why = event.why === undefined ? '' : `, for ${passedOn[event.why]}`
      const what =
        event.outcome === 'repeated' ? 'once more, with another token' : 'the caller gets this answer'
      return `refused by ${event.status}: ${what}${why}`
    }
    case 'interaction':
      if (event.outcome === 'needed') return 'somebody has to sign in'
      return event.outcome === 'done'
        ? 'somebody has signed in'
        : `nobody has signed in: ${event.code ?? 'failed'}`
    case 'session':
      return event.outcome === 'opened' ? 'connected' : 'the server has forgotten the session'
    case 'subscription':
      return `subscription: ${event.outcome}`
    case 'stream':
      break
  }
  return `the stream of the server failed: ${event.code}`
}

const wants: Readonly<Record<RenewalReason, string>> = {
  absent: 'there is none',
  early: 'the one in hand is near its end, and used meanwhile',
  expired: 'the last one has ended',
  rejected: 'the last one was refused',
  scope: 'one that reaches further',
}

const passedOn: Readonly<Record<RefusalReason, string>> = {
  stream: 'a stream cannot be sent twice',
  again: 'the new token was refused as well',
  same_token: 'there is no other token',
  redirected: 'it came by a redirect, and may have run',
  elsewhere: 'it came from another origin, which saw no token',
  proof: 'the proof was refused, and not the token',
}

const errors = [
  'invalid_request',
  'invalid_token',
  'insufficient_scope',
  'invalid_dpop_proof',
  'use_dpop_nonce',
]

/** The values are a stranger's, who may have put anything there: names only, and the words of RFC 6750 and 9449. */
function wordsOf({ scheme, parameters }: Challenge): string {
  const known = { bearer: 'Bearer', dpop: 'DPoP', basic: 'Basic' }[scheme] ?? 'another scheme'
  const named = ['scope', 'resource_metadata'].filter((name) => parameters[name] !== undefined)
  const error = errors.filter((word) => word === parameters['error'])
  return [known, ...error, ...named.map((name) => `names its ${name.replace('_', ' ')}`)].join(', ')
}
