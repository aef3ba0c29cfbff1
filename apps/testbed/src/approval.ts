import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { Grant, Interaction, KoaContextWithOIDC } from 'oidc-provider'

/** Who is at the keyboard: the one user of these servers, who approves whatever is asked. */
const user = 'the-user'

export function interactionUrl(context: KoaContextWithOIDC, { uid }: Interaction): string {
  return `${new URL(context.oidc.issuer).pathname.replace(/\/$/, '')}/interaction/${uid}`
}

/** Answers a question the provider has for the user, and sends the browser back. */
export async function approve(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response)
  const result =
    interaction.prompt.name === 'login'
      ? { login: { accountId: user } }
      : { consent: { grantId: await grantAll(provider, interaction) } }
  await provider.interactionFinished(request, response, result)
}

async function grantAll(provider: Provider, { grantId, params, prompt }: Interaction): Promise<string> {
  const earlier = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = earlier ?? new provider.Grant({ accountId: user, clientId: String(params['client_id']) })
  addMissing(grant, prompt.details)
  return grant.save()
}

interface Missing {
  missingOIDCScope?: string[]
  missingOIDCClaims?: string[]
  missingResourceScopes?: Record<string, string[]>
}

function addMissing(grant: Grant, details: Missing): void {
  grant.addOIDCScope(details.missingOIDCScope ?? [])
  grant.addOIDCClaims(details.missingOIDCClaims ?? [])
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes)
  }
}

/** The pages of the device flow; the forms come from the provider, without a button. */
export const pages = {
  userCodeInputSource(context: KoaContextWithOIDC, form: string): void {
    context.body = page(`${form}<button form="op.deviceInputForm">Continue</button>`)
  },
  userCodeConfirmSource(context: KoaContextWithOIDC, form: string): void {
    context.body = page(`${form}<button form="op.deviceConfirmForm">Confirm</button>`)
  },
  successSource(context: KoaContextWithOIDC): void {
    context.body = page('<p>The device is connected.')
  },
}

function page(content: string): string {
  return `<!doctype html><title>Testbed</title>${content}`
}
