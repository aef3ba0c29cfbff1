import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { html, markup, page } from './page.ts'

/** The pages of the device flow; the forms come from the provider, without a label and without a button. */
export const devicePages = {
  userCodeInputSource(context: KoaContextWithOIDC, form: string, _out?: unknown, error?: Error): void {
    context.body = error?.name === 'AbortedError' ? abortedPage() : inputPage(form, error)
  },
  userCodeConfirmSource(
    context: KoaContextWithOIDC,
    form: string,
    { clientId }: Client,
    _device: unknown,
    userCode: string,
  ): void {
    context.body = confirmPage(form, clientId, userCode)
  },
  successSource(context: KoaContextWithOIDC): void {
    context.body = successPage(context.oidc.client?.clientId ?? '')
  },
}

function successPage(clientId: string): string {
  return page(
    'Device connected',
    html`<p><b>${clientId}</b> may act for you now.</p>
<p class="note">You can close this page and go back to the device.</p>`,
  )
}

function abortedPage(): string {
  return page(
    'Not connected',
    html`<p>The device was given no access.</p><p class="note">You can close this page.</p>`,
  )
}

function inputPage(form: string, error: Error | undefined): string {
  const field = 'name="user_code"'
  const labelled = form.replace(
    field,
    `id="user_code" autocapitalize="characters" spellcheck="false" ${field}`,
  )
  return page(
    'Connect a device',
    html`<p>Enter the code that the device shows.</p>
${error ? html`<p class="error" role="alert">${complaints[error.name] ?? 'Something went wrong. Try again.'}</p>` : ''}
<label for="user_code">Code</label>
${markup(labelled)}
<button form="op.deviceInputForm">Continue</button>`,
  )
}

/** By the names of the provider's errors. */
const complaints: Record<string, string> = {
  NoCodeError: 'Enter a code.',
  NotFoundError: 'This code is not known. Compare it with the one that the device shows.',
  ExpiredError: 'This code has expired. Ask the device for a new one.',
  AlreadyUsedError: 'This code was used before. Ask the device for a new one.',
}

function confirmPage(form: string, clientId: string, userCode: string): string {
  return page(
    'Is this your device?',
    html`<p><b>${clientId}</b> asks to be connected. It should show this code:</p>
<p class="code">${userCode}</p>
<p class="note">Abort if you did not start this, or if the codes differ.</p>
${markup(form)}
<button form="op.deviceConfirmForm">Confirm</button>
<button form="op.deviceConfirmForm" class="second" value="yes" name="abort">Abort</button>`,
  )
}
