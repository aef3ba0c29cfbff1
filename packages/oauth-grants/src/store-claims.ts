/**
 * What a store has to do, as tests that need no runner: for whoever writes one.
 *
 * @module
 */
import type { Lease, TokenStore } from './store.ts'

/** Makes the store; each call is another process that shares what is in it. */
export type OpenStore = () => TokenStore | Promise<TokenStore>

export interface StoreClaim {
  /** What it does, such as "keeps nothing for a writer that saw an older revision". */
  readonly claim: string
  /** @throws {Error} it does not; the message says what came instead */
  readonly check: (open: OpenStore) => Promise<void>
}

/**
 * All that is asked of a `TokenStore`; nothing is left behind under names that others use.
 *
 *     for (const { claim, check } of storeClaims({ leases: true })) it(claim, () => check(() => myStore(url)))
 *
 * @param options `leases`: whether it has them, so that none is left unchecked by mistake
 */
export function storeClaims({ leases }: { readonly leases: boolean }): readonly StoreClaim[] {
  return Object.entries({ ...keeping, ...(leases ? leasing : { 'has no leases': hasNone }) }).map(
    ([claim, act]) => ({
      claim,
      check: async (open) => act(await open(), await open(), `claim ${crypto.randomUUID()}`),
    }),
  )
}

type Act = (one: TokenStore, other: TokenStore, key: string) => Promise<void>

const none = { expect: undefined }

const keeping: Readonly<Record<string, Act>> = {
  async 'has nothing under a name that was never used'(one, _, key) {
    equal(await one.load(key), undefined, 'load')
  },
  async 'gives what was kept to others, byte for byte'(one, other, key) {
    const values = ['', 'a b', '"{}\\\n', 'ä€😀\u202e', 'x'.repeat(100_000)]
    for (const [each, value] of values.entries()) {
      const revision = await one.save(`${key} ${each}`, value, none)
      equal(await other.load(`${key} ${each}`), { value, revision }, 'load')
    }
  },
  async 'tells names apart, whatever is in them'(one, other, key) {
    const names = [
      key,
      `${key} `,
      `${key}/a`,
      `${key}:b`,
      `["${key}","ä"]`,
      `__proto__${key}`,
      key.toUpperCase(),
    ]
    for (const name of names) await one.save(name, name, none)
    for (const name of names) equal((await other.load(name))?.value, name, `load of ${name}`)
  },
  async 'has another revision after each write, also of the same value'(one, _, key) {
    const first = await one.save(key, 'a', none)
    const second = await one.save(key, 'a', { expect: first })
    differ(first, undefined, 'the first save')
    differ(second, undefined, 'the second save')
    differ(first, second, 'the revision')
  },
  async 'keeps nothing for a writer that saw none, where there is one'(one, other, key) {
    const revision = await one.save(key, 'a', none)
    equal(await other.save(key, 'b', none), undefined, 'save')
    equal(await other.load(key), { value: 'a', revision }, 'load')
  },
  async 'keeps nothing for a writer that saw an older revision'(one, other, key) {
    const first = await one.save(key, 'a', none)
    const second = await one.save(key, 'b', { expect: first })
    equal(await other.save(key, 'c', { expect: first }), undefined, 'save')
    equal(await other.load(key), { value: 'b', revision: second }, 'load')
  },
  async 'keeps nothing for a writer that saw one which is gone'(one, other, key) {
    const first = await one.save(key, 'a', none)
    await one.clear(key, { expect: first })
    equal(await other.save(key, 'b', { expect: first }), undefined, 'save')
    equal(await other.load(key), undefined, 'load')
  },
  async 'lets one of many win that saw the same'(one, other, key) {
    const first = await one.save(key, 'a', none)
    const saves = Array.from({ length: 20 }, (_, each) =>
      (each % 2 ? one : other).save(key, `b${each}`, { expect: first }),
    )
    const kept = (await Promise.all(saves)).filter((each) => each !== undefined)
    equal(kept.length, 1, 'the number of saves that were kept')
    equal((await one.load(key))?.revision, kept[0], 'the revision')
  },
  async 'forgets for who saw it, and for nobody else'(one, other, key) {
    const first = await one.save(key, 'a', none)
    const second = await one.save(key, 'b', { expect: first })
    equal(await other.clear(key, { expect: first }), false, 'clear by an older revision')
    equal(await other.clear(key, none), false, 'clear by none')
    equal(await other.clear(key, { expect: second }), true, 'clear')
    equal(await one.load(key), undefined, 'load')
    equal(await one.clear(key, { expect: second }), false, 'clear of what is gone')
  },
  async 'has what is of use for a while yet, or for ever'(one, other, key) {
    await one.save(key, 'a', { ...none, keepUntil: Date.now() + 60_000 })
    await one.save(`${key} 2`, 'b', none)
    await one.save(`${key} 3`, 'c', none)
    equal((await other.load(key))?.value, 'a', 'load')
    equal((await other.load(`${key} 2`))?.value, 'b', 'load')
  },
  async 'can be written over from the moment that what is there may be forgotten'(one, other, key) {
    const ended = await one.save(key, 'a', { ...none, keepUntil: Date.now() - 1 })
    const seen = (await other.load(key))?.revision
    equal(seen === undefined || seen === ended, true, 'load of what may be forgotten: it or nothing')
    differ(await other.save(key, 'b', { expect: seen }), undefined, 'save')
    equal((await one.load(key))?.value, 'b', 'load')
  },
}

const ms = 10_000

const leasing: Readonly<Record<string, Act>> = {
  async 'gives a turn to one of many'(one, other, key) {
    const ask = async (each: number) => (each % 2 ? one : other).lease?.(key, ms, 0)
    const asked = Array.from({ length: 20 }, (_, each) => ask(each))
    const given = (await Promise.all(asked)).filter((each) => each !== undefined)
    equal(given.length, 1, 'the number of leases')
  },
  async 'gives the next turn when the last one is given back'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    await first[Symbol.asyncDispose]()
    const second = await leaseOf(other, key, 0)
    equal(second.fence > first.fence, true, 'whether the fence is greater')
  },
  async 'gives the next turn when the last one is over, and not sooner'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    equal(await other.lease?.(key, ms, ms - 1), undefined, 'a lease before the end')
    const second = await leaseOf(other, key, ms)
    equal(second.fence > first.fence, true, 'whether the fence is greater')
  },
  async 'gives turns at one name whoever has one at another'(one, other, key) {
    await leaseOf(one, key, 0)
    await leaseOf(other, `${key} 2`, 0)
  },
  async 'keeps a turn for longer for who has it'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    equal(await first.extend(ms, ms / 2), true, 'extend')
    equal(await other.lease?.(key, ms, ms + 1), undefined, 'a lease before the new end')
    await leaseOf(other, key, ms * 1.5)
  },
  async 'does not give a turn back to who lost it'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    await leaseOf(other, key, ms)
    equal(await first.extend(ms, ms), false, 'extend')
    await first[Symbol.asyncDispose]()
    equal(await one.lease?.(key, ms, ms + 1), undefined, 'a lease after the loser gave back what it had lost')
  },
  async 'does not keep a turn for longer that was given back'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    await first[Symbol.asyncDispose]()
    equal(await first.extend(ms, 1), false, 'extend')
    await leaseOf(other, key, 2)
  },
  async 'gives a turn where the last one begins long after now: a clock was set back'(one, other, key) {
    await leaseOf(one, key, 10 * ms)
    await leaseOf(other, key, 0)
  },
  async 'keeps nothing by an older turn once somebody has written by a later one'(one, other, key) {
    const first = await leaseOf(one, key, 0)
    const second = await leaseOf(other, key, ms)
    const theirs = await other.save(key, 'b', { ...none, fence: second.fence })
    equal(await one.save(key, 'a', { expect: theirs, fence: first.fence }), undefined, 'save')
    equal(await one.load(key), { value: 'b', revision: theirs }, 'load')
    const own = await one.save(key, 'c', { expect: theirs })
    differ(own, undefined, 'save without a turn')
    equal(await one.save(key, 'd', { expect: own, fence: first.fence }), undefined, 'save after that')
  },
  async 'keeps what is written by an older turn as long as nobody has written by a later one'(
    one,
    other,
    key,
  ) {
    const first = await leaseOf(one, key, 0)
    await leaseOf(other, key, ms)
    const own = await one.save(key, 'a', { ...none, fence: first.fence })
    differ(own, undefined, 'save')
    differ(await one.save(key, 'b', { expect: own, fence: first.fence }), undefined, 'the second save')
  },
  async 'lets everybody read and write meanwhile'(one, other, key) {
    await leaseOf(one, key, 0)
    const revision = await other.save(key, 'a', none)
    equal(await other.load(key), { value: 'a', revision }, 'load')
    equal(await other.clear(key, { expect: revision }), true, 'clear')
  },
}

async function hasNone(store: TokenStore): Promise<void> {
  if (store.lease !== undefined) throw new Error('it has leases: say leases: true')
}

async function leaseOf(store: TokenStore, key: string, now: number): Promise<Lease> {
  const lease = await store.lease?.(key, ms, now)
  if (lease === undefined) throw new Error(`lease at ${now} ms: nothing was given`)
  return lease
}

/** Members are compared in any order, and more of them are no harm. */
function equal(got: unknown, wanted: unknown, what: string): void {
  const isEntry = typeof got === 'object' && got !== null && typeof wanted === 'object' && wanted !== null
  const isSame = isEntry
    ? Object.entries(wanted).every(([name, value]) => Object.is(Reflect.get(got, name), value))
    : Object.is(got, wanted)
  if (!isSame) throw new Error(`${what}: ${shown(got)} instead of ${shown(wanted)}`)
}

function differ(got: unknown, other: unknown, what: string): void {
  if (Object.is(got, other)) throw new Error(`${what}: ${shown(got)}, and it should be another`)
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 200)
}
