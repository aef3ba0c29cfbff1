import type { Fetch } from '@x/oauth-grants'

/** Long enough for a client to send all that waits for nothing, in ms. */
const quietMs = 25

/**
 * A fetch that holds answers back until all that were asked for are there, and then gives them together: what a client does
 * one after the other takes a round each.
 */
export function roundsOf(send: Fetch = fetch): {
  readonly fetch: Fetch
  readonly rounds: readonly string[][]
} {
  const rounds: string[][] = []
  let round: { answers: Promise<unknown>[]; over: Promise<void> } | undefined
  const open = () => {
    const answers: Promise<unknown>[] = []
    rounds.push([])
    const over = async () => {
      for (let seen = -1; seen < answers.length; ) {
        seen = answers.length
        await Promise.allSettled(answers)
        await new Promise((resolve) => setTimeout(resolve, quietMs))
      }
      round = undefined
    }
    return { answers, over: Promise.resolve().then(over) }
  }
  return {
    rounds,
    async fetch(input, init) {
      round ??= open()
      const { answers, over } = round
      const [method, url] = input instanceof Request ? [input.method, input.url] : ['GET', input]
      rounds.at(-1)?.push(`${init?.method ?? method} ${new URL(url).pathname}`)
      const answer = send(input, init)
      answers.push(answer)
      await over
      return answer
    },
  }
}
