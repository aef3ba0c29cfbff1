/**
 * The time of the whole process, moved on: clients that take no clock, and the servers beside them, see a token end.
 *
 * Timers run on as they did.
 *
 * @module
 */

const RealDate = globalThis.Date
let movedMs = 0

export function moveTime(ms: number): void {
  movedMs += ms
  const now = () => RealDate.now() + movedMs
  globalThis.Date = new Proxy(RealDate, {
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    construct: (target, parts, made) => Reflect.construct(target, parts.length === 0 ? [now()] : parts, made),
    apply: () => new RealDate(now()).toString(),
  })
}

/** Brings the true time back. */
export function restoreTime(): void {
  movedMs = 0
  globalThis.Date = RealDate
}
