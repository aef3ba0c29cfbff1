/**
 * What a browser shows at the end of a sign-in. Nothing of the request is in it.
 *
 * @module
 */

export type Outcome = 'signed-in' | 'failed' | 'repeated' | 'unexpected' | 'elsewhere'

type Tone = 'good' | 'bad' | 'calm'

/** Drawn and not written, so that it looks the same whatever fonts there are. */
const marks = {
  tick: 'M5.5 12.5l4.5 4.5 8.5-9.5',
  cross: 'M7 7l10 10M17 7L7 17',
  dots: 'M6.5 12h.01M12 12h.01M17.5 12h.01',
  alert: 'M12 6.5v7M12 17.5h.01',
}

interface Content {
  readonly tone: Tone
  readonly mark: keyof typeof marks
  readonly title: string
  readonly text: string
}

const contents: Readonly<Record<Outcome, Content>> = {
  'signed-in': {
    tone: 'good',
    mark: 'tick',
    title: 'You are signed in',
    text: 'You can close this window and go back to the program.',
  },
  failed: {
    tone: 'bad',
    mark: 'cross',
    title: 'That did not work',
    text: 'Go back to the program: it says why.<br>You can close this window.',
  },
  repeated: {
    tone: 'calm',
    mark: 'dots',
    title: 'That has arrived already',
    text: 'The program is working on it.<br>You can close this window.',
  },
  unexpected: {
    tone: 'calm',
    mark: 'alert',
    title: 'This is not the sign-in that the program waits for',
    text: 'It may be an older one. Use the window that the program opened last.',
  },
  elsewhere: {
    tone: 'calm',
    mark: 'alert',
    title: 'There is nothing here',
    text: 'A program on this machine waits for a sign-in, at another address.',
  },
}

export function callbackPage(outcome: Outcome): string {
  const { tone, mark, title, text } = contents[outcome]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; --text: #475467 }
  .good { --ink: #067647; --tint: #d1fadf }
  .bad { --ink: #b42318; --tint: #fee4e2 }
  .calm { --ink: #475467; --tint: #eaecf0 }
  * { box-sizing: border-box }
  body { min-height: 100vh; margin: 0; padding: 1.5rem; display: grid; place-items: center; background: #f4f5f7; color: #1d2939 }
  main { width: 100%; max-width: 26rem; padding: 2.5rem 2rem; border: 1px solid #e4e7ec; border-radius: 12px; background: #fff; text-align: center; text-wrap: balance; box-shadow: 0 8px 24px #10182814 }
  svg { width: 3.5rem; height: 3.5rem; padding: .6875rem; border-radius: 50%; background: var(--tint); fill: none; stroke: var(--ink); stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round }
  h1 { margin: 1.25rem 0 .5rem; font-size: 1.375rem; line-height: 1.3 }
  p { margin: 0; color: var(--text) }
  @media (prefers-color-scheme: dark) {
    :root { --text: #a4adbb }
    .good { --ink: #75e0a7; --tint: #0b4a31 }
    .bad { --ink: #fda29b; --tint: #6b1f1a }
    .calm { --ink: #d0d5dd; --tint: #394556 }
    body { background: #101828; color: #f2f4f7 }
    main { border-color: #344054; background: #1d2939; box-shadow: none }
  }
</style>
<main class="${tone}">
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${marks[mark]}"/></svg>
  <h1>${title}</h1>
  <p>${text}</p>
</main>
</html>
`
}
