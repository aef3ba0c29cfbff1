import { randomUUID } from 'node:crypto'
import { decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type Provider from 'oidc-provider'
import { errors, type TokenEndpointGrantContext } from 'oidc-provider'
import { buildTokenResponse, resolveRequestedResources } from 'oidc-provider/lib/helpers/grants.js'
import { fetchKeys, scopesOf } from './access-token.ts'
import { type Bind, readBinding } from './bound-grant.ts'
import { jwtBearer, workloads } from './clients.ts'
import { idJag } from './identity-assertion.ts'
import { pathnameOf } from './journal.ts'
import { type Handler, readAgain } from './listening.ts'
import type { Platform } from './platform.ts'

/** Whose assertions are taken. */
export interface Trusted {
  readonly platform: Platform
  /** An issuer; of its users. */
  readonly identityProvider: string | undefined
}

interface Parameters {
  assertion?: string
  resource?: string | string[]
}

/** RFC 7523 §2.1: access tokens for workloads of the platform, and for users of the identity provider. */
export function registerJwtBearer(provider: Provider, trusted: Trusted): void {
  const read = createReader(provider.issuer, trusted)
  provider.registerGrantType<Parameters>(
    jwtBearer,
    async (context) => {
      const { params, client } = context.oidc
      const bind = await readBinding(provider, context)
      const claims = await read(params.assertion ?? '', client?.clientId)
      const { resource } = claims
      if (typeof resource === 'string') params.resource = resource
      await answer(provider, context, claims, bind)
    },
    ['assertion', 'scope', 'resource'],
    ['resource'],
  )
}

type Reader = (assertion: string, clientId: string | undefined) => Promise<JWTPayload>

function createReader(audience: string, { platform, identityProvider }: Trusted): Reader {
  const used = new Set<string>()
  let keys: JWTVerifyGetKey | undefined
  const verify = async (assertion: string, clientId: string | undefined) => {
    const claims = { audience, requiredClaims: ['sub', 'exp', 'iat', 'jti'] }
    if (decodeProtectedHeader(assertion).typ !== idJag.typ) {
      const { issuer, publicKey } = platform
      return (await jwtVerify(assertion, publicKey, { ...claims, issuer })).payload
    }
    if (identityProvider === undefined) throw new Error('no identity provider is trusted')
    // It is asked when the first of its users comes.
    keys ??= await fetchKeys(identityProvider)
    const expected = { ...claims, issuer: identityProvider, typ: idJag.typ }
    const { payload } = await jwtVerify(assertion, keys, expected)
    if (payload['client_id'] !== clientId) throw new Error('it is for another client')
    return payload
  }
  return async (assertion, clientId) => {
    const claims = await verify(assertion, clientId).catch((error: unknown) => {
      throw new errors.InvalidGrant(`the assertion is not valid: ${String(error)}`)
    })
    const use = JSON.stringify([claims.iss, claims.jti])
    if (used.has(use)) throw new errors.InvalidGrant('the assertion was used before')
    used.add(use)
    return claims
  }
}

async function answer(
  provider: Provider,
  context: TokenEndpointGrantContext<Parameters>,
  claims: JWTPayload,
  bind: Bind,
): Promise<void> {
  const { params, client } = context.oidc
  const [resource] = await resolveRequestedResources(provider, context)
  if (resource === undefined) throw new errors.InvalidTarget('no resource was named')
  const asked = params.scope?.split(' ') ?? scopesOf(claims)
  const unknown = asked.find((one) => !resource.scopes.has(one))
  if (unknown !== undefined) throw new errors.InvalidScope('the resource does not have it', unknown)
  const scope = (asked.length > 0 ? asked : [...resource.scopes]).join(' ')
  const token = new provider.AccessToken({
    client,
    resourceServer: resource,
    scope,
    accountId: String(claims.sub),
    grantId: randomUUID(),
    gty: jwtBearer,
  })
  bind(token)
  context.body = buildTokenResponse(provider, {
    accessToken: await token.save(),
    tokenType: token.tokenType,
    expiresIn: token.expiration,
    scope,
  })
}

/** Lets assertions come without a client, which the provider insists on (RFC 7521 §4.1): they get the name of one. */
export function allowNameless(tokenPath: string, handler: Handler): Handler {
  return async (request, response) => {
    if (request.method !== 'POST' || pathnameOf(request.url ?? '') !== tokenPath) {
      return handler(request, response)
    }
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString())
    const isNamed =
      request.headers.authorization !== undefined || form.has('client_id') || form.has('client_assertion')
    if (form.get('grant_type') === jwtBearer && !isNamed) form.set('client_id', workloads)
    const body = Buffer.from(form.toString())
    request.headers['content-length'] = String(body.length)
    return handler(readAgain(request, body), response)
  }
}
