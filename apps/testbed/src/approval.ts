import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import { grantAll } from './grant.ts'

/** Who is at the keyboard when nobody is: the one user who approves whatever is asked. */
const user = 'the-user'

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
      : { consent: { grantId: await grantAll(provider, interaction, user) } }
  await provider.interactionFinished(request, response, result)
}
