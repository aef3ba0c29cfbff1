import { randomUUID } from 'node:crypto'
import { type CryptoKey, type JWTPayload, jwtVerify } from 'jose'
import type Provider from 'oidc-provider'
import { errors, type TokenEndpointGrantContext } from 'oidc-provider'
import { buildTokenResponse, resolveRequestedResources } from 'oidc-provider/lib/helpers/grants.js'
import { scopesOf } from './access-token.ts'
import { type Bind, readBinding } from './bound-grant.ts'
import { tokenExchange } from './clients.ts'
import { idJag, issueIdentityAssertion } from './identity-assertion.ts'

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

const single = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'scope',
]
const repeatable = ['audience', 'resource']

interface Parameters {
  subject_token?: string
  subject_token_type?: string
  actor_token?: string
  actor_token_type?: string
  requested_token_type?: string
  audience?: string | string[]
}

/**
 * RFC 8693. For access tokens of this server: narrows scope, changes the audience, notes the actor. For ID tokens: gives
 * an assertion for another server.
 */
export function registerTokenExchange(
  provider: Provider,
  keys: { publicKey: CryptoKey; privateKey: CryptoKey },
): void {
  const read = (token: string | undefined, type: string | undefined) =>
    readToken(provider.issuer, keys.publicKey, token, type)
  provider.registerGrantType<Parameters>(
    tokenExchange,
    async (context) => {
      const { params, client } = context.oidc
      const bind = await readBinding(provider, context)
      if (params.requested_token_type === idJag.tokenType) {
        const place = { issuer: provider.issuer, ...keys }
        context.body = await issueIdentityAssertion(place, client?.clientId ?? '', params)
        return
      }
      const subject = await read(params.subject_token, params.subject_token_type)
      const actor = params.actor_token && (await read(params.actor_token, params.actor_token_type))
      await answer(provider, context, { subject, actor: actor || undefined, bind })
    },
    [...single, ...repeatable],
    repeatable,
  )
}

async function readToken(issuer: string, key: CryptoKey, token = '', type = ''): Promise<JWTPayload> {
  try {
    if (type !== accessTokenType) throw new Error('the type is not supported')
    return (await jwtVerify(token, key, { issuer, typ: 'at+jwt' })).payload
  } catch {
    // "If either the subject_token or actor_token are invalid ... the value of the "error"
    // parameter MUST be the "invalid_request" error code" (RFC 8693 §2.2.2)
    throw new errors.InvalidRequest('the subject or actor token is not valid')
  }
}

interface Exchange {
  readonly subject: JWTPayload
  readonly actor: JWTPayload | undefined
  readonly bind: Bind
}

async function answer(
  provider: Provider,
  context: TokenEndpointGrantContext<Parameters>,
  { subject, actor, bind }: Exchange,
): Promise<void> {
  const { params, client } = context.oidc
  params.resource ??= params.audience ?? subject.aud
  const [resource] = await resolveRequestedResources(provider, context)
  if (resource === undefined) throw new errors.InvalidTarget()
  const held = scopesOf(subject)
  const asked = params.scope?.split(' ') ?? held
  const scope = asked.filter((one) => held.includes(one) && resource.scopes.has(one)).join(' ')
  const token = new provider.AccessToken({
    client,
    resourceServer: resource,
    scope,
    accountId: String(subject.sub),
    grantId: randomUUID(),
    gty: tokenExchange,
  })
  bind(token)
  if (actor) token.extra = { act: { sub: actor.sub } }
  context.body = buildTokenResponse(provider, {
    accessToken: await token.save(),
    tokenType: token.tokenType,
    expiresIn: token.expiration,
    scope,
    issuedTokenType: accessTokenType,
  })
}
