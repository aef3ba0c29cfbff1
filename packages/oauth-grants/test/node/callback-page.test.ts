import { describe, expect, it } from 'vitest'
import { callbackPage, type Outcome } from '../../src/node/callback-page.ts'
import { refusal } from '../sign-in.ts'
import { openBrowser } from './loopback.ts'

const outcomes: readonly [Outcome, string][] = [
  ['signed-in', 'You are signed in'],
  ['failed', 'That did not work'],
  ['repeated', 'That has arrived already'],
  ['unexpected', 'This is not the sign-in that the program waits for'],
  ['elsewhere', 'There is nothing here'],
]

describe.each(outcomes)('the page of the outcome %s', (outcome, title) => {
  const page = callbackPage(outcome)

  it('says what happened, in its title and in its text', () => {
    expect(page).toContain(`<title>${title}</title>`)
    expect(page).toContain(`<h1>${title}</h1>`)
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n/)
  })

  it('loads nothing, links nothing, sends nothing and runs nothing (AC-26, RFC 9700 §4.2.4)', () => {
    expect(page).not.toMatch(/<(?:a|script|link|img|iframe|form|object|embed|base)\b/i)
    expect(page).not.toMatch(/\b(?:src|href|action|on\w+)=|url\(|@import|https?:|http-equiv/i)
  })
})

describe('the page in the browser', () => {
  /** What hangs on the code stays in this browser, whatever is shown. */
  const guarded = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  }

  it.each<[string, number, (callback: string) => [string, RequestInit?]]>([
    ['of the answer', 200, (callback) => [callback]],
    ['of another place', 404, (callback) => [new URL('/', callback).href]],
    ['of another state', 400, (callback) => [callback.replace('state=', 'state=x')]],
    ['of another method', 405, (callback) => [callback, { method: 'POST' }]],
  ])('%s is not kept, not framed, and leads nowhere (AC-26, AC-27)', async (_, status, requestOf) => {
    const { callback, outcome } = await openBrowser()

    const response = await fetch(...requestOf(callback))
    await response.text()

    expect(response.status).toBe(status)
    expect(Object.fromEntries(response.headers)).toMatchObject(guarded)
    expect(response.headers.has('location')).toBe(false)
    await fetch(callback).catch(() => {})
    await outcome
  })

  it('says that the person is signed in only where there is a token', async () => {
    const [good, bad] = [await openBrowser(), await openBrowser({}, {}, refusal)]

    const pages = await Promise.all([good, bad].map(async ({ callback }) => (await fetch(callback)).text()))

    expect(pages).toEqual([callbackPage('signed-in'), callbackPage('failed')])
    await Promise.all([good.outcome, bad.outcome])
  })

  it('holds nothing of the request, whatever somebody puts there (AC-26, AC-27)', async () => {
    const { callback, outcome } = await openBrowser()
    const evil = encodeURIComponent('"><script>alert("evil")</script>')
    const error = callback.replace('code=c1', `error=${evil}&error_description=${evil}&error_uri=${evil}`)
    const wrong = `${callback.replace('state=', `state=${evil}`)}&return_to=https://evil.example`

    const pages = [await fetch(wrong), await fetch(`${error}&return_to=https://evil.example`)]

    expect(await Promise.all(pages.map((page) => page.text()))).toEqual([
      callbackPage('unexpected'),
      callbackPage('failed'),
    ])
    expect(pages.map(({ redirected, status }) => [redirected, status])).toEqual([
      [false, 400],
      [false, 200],
    ])
    await expect(outcome).resolves.toMatchObject({ code: 'authorization_refused' })
  })
})
