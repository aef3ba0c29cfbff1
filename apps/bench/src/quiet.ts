/** In ms; in a few of them a client sends all that waits for nothing. */
const turnMs = 8

/** Waits some turns of the event loop. One that took long was one in which nobody could do anything: it does not count. */
export async function quiet(turns: number): Promise<void> {
  for (let left = turns; left > 0; ) {
    const begun = performance.now()
    await new Promise((resolve) => setTimeout(resolve, turnMs))
    if (performance.now() - begun < 2 * turnMs) left -= 1
  }
}
