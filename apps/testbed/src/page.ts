import type { ServerResponse } from 'node:http'

class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = string | Markup | readonly Markup[]

/** Markup; a string put into it is escaped, markup is not. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...parts.map(written)))
}

/** Marks text of the provider's as what it is: markup that needs no escape. */
export function markup(text: string): Markup {
  return new Markup(text)
}

function written(part: Part): string {
  if (typeof part === 'string') return escaped(part)
  return part instanceof Markup ? part.text : part.map(({ text }) => text).join('')
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** A whole document: one card in the middle of the window. */
export function page(title: string, content: Markup): string {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - Testbed</title>
<style>${markup(style)}</style>
<main>
<p class="brand">Testbed</p>
<h1>${title}</h1>
${content}
</main>
</html>
`.text
}

export function sendPage(response: ServerResponse, status: number, text: string): void {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(text)
}

const style = `
* { box-sizing: border-box }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem; display: grid; place-items: center;
  background: #f3f4f6; color: #1c2430; font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: 100%; max-width: 25rem; padding: 2rem; background: #fff; border: 1px solid #e3e6ea;
  border-radius: 0.75rem; box-shadow: 0 0.5rem 1.5rem rgb(28 36 48 / 8%); overflow-wrap: anywhere;
}
p, h1, ul { margin: 0 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
h2 { margin: 0 0 0.25rem; font-size: 0.875rem }
.brand { color: #5b6675; font-size: 0.875rem; font-weight: 600 }
.brand::before {
  content: ''; display: inline-block; width: 0.75rem; height: 0.75rem; margin-right: 0.5rem;
  border-radius: 0.1875rem; background: #2456d6;
}
.note { color: #5b6675; font-size: 0.875rem }
.error { padding: 0.625rem 0.75rem; border-radius: 0.5rem; background: #fdecec; color: #a11616 }
form { margin: 0 }
main > :last-child { margin-bottom: 0 }
label { display: block; margin-bottom: 0.25rem; font-size: 0.875rem; font-weight: 600 }
input:not([type=hidden]) {
  display: block; width: 100%; margin-bottom: 1rem; padding: 0.625rem 0.75rem;
  border: 1px solid #b8c0ca; border-radius: 0.5rem; font: inherit; color: inherit;
}
button {
  display: block; width: 100%; margin-top: 0.75rem; padding: 0.6875rem 1rem; border: 1px solid #2456d6;
  border-radius: 0.5rem; background: #2456d6; color: #fff; font: inherit; font-weight: 600; cursor: pointer;
}
button.second { background: #fff; border-color: #b8c0ca; color: #1c2430 }
input:focus-visible, button:focus-visible { outline: 3px solid #9db8f5; outline-offset: 1px }
ul { padding: 0; list-style: none; border: 1px solid #e3e6ea; border-radius: 0.5rem }
li { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1rem; padding: 0.625rem 0.75rem }
li + li { border-top: 1px solid #e3e6ea }
code { color: #5b6675; font: 0.875rem/1.7 ui-monospace, monospace }
#user_code { font-family: ui-monospace, monospace; letter-spacing: 0.1em; text-transform: uppercase }
#user_code::placeholder { font-family: system-ui, sans-serif; letter-spacing: 0; text-transform: none }
.code { text-align: center; font: 600 1.75rem/1.5 ui-monospace, monospace; letter-spacing: 0.1em }
`
