import type Provider from 'oidc-provider'
import type { Grant, Interaction } from 'oidc-provider'

interface Missing {
  missingOIDCScope?: string[]
  missingOIDCClaims?: string[]
  missingResourceScopes?: Record<string, string[]>
}

/** Grants the client whatever it asked for, and gives the id of the grant. */
export async function grantAll(
  provider: Provider,
  { grantId, params, prompt }: Interaction,
  accountId: string,
): Promise<string> {
  const earlier = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = earlier ?? new provider.Grant({ accountId, clientId: String(params['client_id']) })
  addMissing(grant, prompt.details)
  return grant.save()
}

function addMissing(grant: Grant, details: Missing): void {
  grant.addOIDCScope(details.missingOIDCScope ?? [])
  grant.addOIDCClaims(details.missingOIDCClaims ?? [])
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes)
  }
}
