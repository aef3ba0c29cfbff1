import { afterAll, beforeAll, expect } from 'vitest'

const names = ['debug', 'log', 'info', 'warn', 'error'] as const

/** Every test of the file is then also a test that nothing is printed, from the start of the server on. */
export function expectQuiet(): void {
  const printed: unknown[][] = []
  const real = { ...console }
  beforeAll(() => {
    for (const name of names) console[name] = (...words: unknown[]) => void printed.push(words)
  })
  afterAll(() => {
    Object.assign(console, real)
    expect(printed).toEqual([])
  })
}
