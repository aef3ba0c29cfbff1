/** A time in which a process did not run: what it waited for may have come meanwhile, and it did not see it in time. */
export interface Stall {
  readonly from: number
  readonly to: number
}

/** What is no stall yet, in ms. */
const stallMs = 50

/** Notes the stalls of this process from now on. */
export function watchStalls(): readonly Stall[] {
  const stalls: Stall[] = []
  let seenAt = Date.now()
  const look = () => {
    const now = Date.now()
    if (now - seenAt > stallMs) stalls.push({ from: seenAt, to: now })
    seenAt = now
  }
  setInterval(look, 5).unref()
  return stalls
}
