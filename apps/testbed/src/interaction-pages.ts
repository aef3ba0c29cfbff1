import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { Interaction, InteractionResults } from 'oidc-provider'
import { scopesOf } from './access-token.ts'
import { grantAll } from './grant.ts'
import { html, page, sendPage } from './page.ts'

/** Shows the person at the browser what the provider asks, or takes the answer and sends the browser back. */
export async function askPerson(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response).catch(() => undefined)
  if (!interaction) return sendPage(response, 400, expiredPage())
  const isLogin = interaction.prompt.name === 'login'
  if (request.method !== 'POST') {
    return sendPage(response, 200, isLogin ? loginPage() : consentPage(interaction))
  }
  const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString())
  const result = isLogin ? login(form) : await decision(provider, interaction, form)
  if (!result) return sendPage(response, 400, loginPage('Enter a user name.'))
  await provider.interactionFinished(request, response, result)
}

function login(form: URLSearchParams): InteractionResults | undefined {
  const accountId = form.get('username')?.trim()
  return accountId ? { login: { accountId } } : undefined
}

async function decision(
  provider: Provider,
  interaction: Interaction,
  form: URLSearchParams,
): Promise<InteractionResults> {
  if (form.get('decision') !== 'allow') {
    return { error: 'access_denied', error_description: 'the user denied access' }
  }
  return { consent: { grantId: await grantAll(provider, interaction, accountOf(interaction)) } }
}

/** The provider asks for consent only when somebody is signed in. */
function accountOf({ session }: Interaction): string {
  return session?.accountId ?? ''
}

function expiredPage(): string {
  return page('This page has expired', html`<p>Go back to the app and start again.</p>`)
}

function loginPage(error = ''): string {
  return page(
    'Sign in',
    html`<p class="note">This server is for tests: any name and any password will do.</p>
${error === '' ? '' : html`<p class="error" role="alert">${error}</p>`}
<form method="post">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button>Sign in</button>
</form>`,
  )
}

function consentPage(interaction: Interaction): string {
  const { params } = interaction
  const resources = [params['resource']].flat().filter((one) => typeof one === 'string')
  const scopes = scopesOf({ scope: params['scope'] })
  return page(
    'Allow access?',
    html`<p><b>${String(params['client_id'])}</b> asks to act for you, <b>${accountOf(interaction)}</b>.</p>
${resources.length === 0 ? '' : html`<h2>Where</h2><ul>${resources.map((url) => html`<li>${url}</li>`)}</ul>`}
${scopes.length === 0 ? '' : html`<h2>What</h2><ul>${scopes.map(scopeItem)}</ul>`}
<form method="post">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" class="second">Deny</button>
</form>`,
  )
}

const meanings: Record<string, string> = {
  openid: 'Learn who you are',
  offline_access: 'Keep this access',
  'mcp:tools': 'Use tools',
  'mcp:write': 'Write notes',
  'api:read': 'Read orders',
}

function scopeItem(scope: string) {
  return html`<li>${meanings[scope] ?? ''} <code>${scope}</code></li>`
}
