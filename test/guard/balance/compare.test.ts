import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BalanceReading,
  type BalanceState,
  compareBalance,
  type Finding,
} from '../../../src/guard/balance/compare.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import type { Money } from '../../../src/policy/money.js'

const T0 = Date.UTC(2026, 0, 5, 12)
const SECOND = 1_000
const MINUTE = 60_000
const CENT = 10_000
/** What a solve may cost at most. */
const PRICE = 3_000

/** A service's account, the ledger of those who use it, and somebody who looks. */
class World {
  readonly ledger = memoryLedger()
  now = T0
  #balance = 1_000_000_000
  #ids = 0
  #charges: { at: number; amount: number }[] = []
  state: BalanceState | undefined
  readonly findings: Finding[] = []
  readonly budgets = ['one', 'two']
  /** To what the service rounds its balance. */
  toldIn = 1

  /** Lets time pass, and the service charge what is due. */
  pass(ms: number): void {
    this.now += ms
    const due = this.#charges.filter(({ at }) => at <= this.now)
    this.#charges = this.#charges.filter(({ at }) => at > this.now)
    for (const { amount } of due) this.#balance -= amount
  }

  reserve(budget: string, ttlMs = 5 * MINUTE): string {
    const id = `r${this.#ids++}`
    const path = [{ id: budget, limits: {} }]
    this.ledger.reserve({ id, ownerId: 'me', path, amount: PRICE as Money, deadline: this.now + ttlMs }, this.now)
    return id
  }

  /** The service takes money for a task, now or later. */
  charge(amount: number, inMs: number): void {
    this.#charges.push({ at: this.now + inMs, amount })
  }

  settle(id: string, cost: number, unsure = false): void {
    this.ledger.settle({ reservationId: id, cost: cost as Money, unsure }, this.now)
  }

  pay(amount: number): void {
    this.#balance += amount
  }

  steal(amount: number): void {
    this.#balance -= amount
  }

  totals() {
    const all = this.budgets.map((id) => this.ledger.usage(id, this.now))
    const sum = (of: (usage: (typeof all)[number]) => number) => all.reduce((total, usage) => total + of(usage), 0)
    return {
      settled: sum(({ totals: ever }) => ever.settled),
      unsure: sum(({ totals: ever }) => ever.unsure),
      solves: sum(({ totals: ever }) => ever.solves),
      reserved: sum(({ reserved }) => reserved),
    }
  }

  /** @param meanwhile what happens between our two looks at the ledger, before the service answers and after */
  look(meanwhile: { before?: () => void; after?: () => void } = {}): Finding {
    const before = this.totals()
    meanwhile.before?.()
    const balance = (Math.floor(this.#balance / this.toldIn) * this.toldIn) as Money
    meanwhile.after?.()
    const after = this.totals()
    const look: BalanceReading = {
      at: this.now,
      balance,
      settledBefore: before.settled,
      settledAfter: after.settled,
      reserved: Math.max(before.reserved, after.reserved),
      unsure: after.unsure,
      solves: after.solves,
      budgets: this.budgets.join(),
    }
    const finding = compareBalance(this.state, look, PRICE)
    this.state = JSON.parse(JSON.stringify(finding.state)) as BalanceState
    this.findings.push(finding)
    return finding
  }

  get leaks() {
    return this.findings.flatMap(({ leak }) => leak ?? [])
  }

  /** One whole solve, that nothing is special about. */
  solve(budget = 'one', takesMs = 15 * SECOND, cost = PRICE): void {
    const id = this.reserve(budget)
    this.charge(cost, takesMs / 2)
    this.pass(takesMs)
    this.settle(id, cost)
  }
}

describe('an honest account', () => {
  it('gives no alarm over months of work with pauses, top-ups and days off', () => {
    const world = new World()
    for (let day = 0; day < 60; day++) {
      for (let i = 0; i < 30; i++) {
        for (let n = 0; n < day % 7; n++) world.solve(n % 2 ? 'one' : 'two')
        world.pass(5 * MINUTE)
        world.look()
      }
      if (day % 9 === 0) world.pay(5_000_000)
      world.pass(20 * 60 * MINUTE)
      world.look()
    }
    expect(world.leaks).toEqual([])
  })

  /** What may happen to one task, whichever process has it. */
  const task = fc.record({
    budget: fc.constantFrom('one', 'two'),
    startsIn: fc.integer({ min: 0, max: 400 }),
    takes: fc.integer({ min: 1, max: 170 }),
    /** What the service charges: from its list, or less. */
    price: fc.integer({ min: PRICE * 0.6, max: PRICE }),
    charged: fc.constantFrom('at once', 'at the end', 'some time'),
    /**
     * How it ends here: settled at what it cost where the service tells that, or at the list price; its reply lost; failed for nothing;
     * its process dead, and then nobody, or another one late.
     */
    ends: fc.constantFrom(
      'told',
      'listed',
      'listed',
      'lost',
      'failed',
      'abandoned',
      'lapsed',
      'late',
      'late for nothing',
    ),
  })

  it('gives no alarm, whatever becomes of its tasks in several processes, and whenever somebody looks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 6, arbitrary: task }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 40 }) }), {
          minLength: 5,
          maxLength: 60,
        }),
        fc.infiniteStream(fc.integer({ min: 0, max: 100 })),
        (history, numbers) => {
          const world = new World()
          const events: { at: number; run: () => void }[] = []
          let at = 0
          const when = (seconds: number, run: () => void) => void events.push({ at: seconds, run })
          for (const item of history) {
            if (typeof item === 'number') {
              // Somebody looks, while things go on; sometimes after an hour of nothing.
              at += item > 38 ? 4_000 : item * 8
              const next = item
              when(at, () => void (next % 13 === 0 ? world.pay(50_000) : world.look()))
              continue
            }
            const { budget, startsIn, takes, price, charged, ends } = item
            const start = at + startsIn
            let id = ''
            when(start, () => {
              id = world.reserve(budget)
              if (ends === 'failed' || ends === 'late for nothing') return
              const inMs = charged === 'at once' ? 0 : charged === 'at the end' ? takes * 1000 : (takes * 1000) / 3
              world.charge(price, inMs)
            })
            if (ends === 'told') when(start + takes, () => world.settle(id, price))
            if (ends === 'listed' || ends === 'abandoned') when(start + takes, () => world.settle(id, PRICE))
            if (ends === 'failed') when(start + takes, () => world.settle(id, 0))
            // Counted as spent at once; charged when it is done.
            if (ends === 'lost') when(start, () => world.settle(id, PRICE, true))
            if (ends === 'late') when(start + 400 + takes, () => world.settle(id, PRICE))
            if (ends === 'late for nothing') when(start + 400 + takes, () => world.settle(id, 0))
          }
          events.sort((a, b) => a.at - b.at)
          const random = numbers[Symbol.iterator]()
          for (const { at: second, run } of events) {
            world.pass(T0 + second * SECOND - world.now)
            run()
            if ((random.next().value ?? 0) < 20) world.look()
          }
          world.pass(1_000 * SECOND)
          world.look()
          expect(world.leaks).toEqual([])
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('gives none for what is spent between asking the ledger and asking the service', () => {
    const world = new World()
    world.look()
    for (let i = 0; i < 50; i++) {
      const ids = Array.from({ length: 10 }, () => world.reserve('one'))
      const more: string[] = []
      world.pass(5 * MINUTE - 1)
      world.look({
        before: () => {
          for (const _ of ids) world.charge(PRICE, 0)
          for (let n = 0; n < 5; n++) {
            more.push(world.reserve('two'))
            world.charge(PRICE, 0)
          }
          world.pass(0)
        },
        after: () => {
          for (const id of ids) world.settle(id, PRICE)
        },
      })
      for (const id of more) world.settle(id, PRICE)
    }
    expect(world.leaks).toEqual([])
  })

  it('gives none for what is handed in, charged and settled after the service has told its balance', () => {
    const world = new World()
    world.look({
      after: () => {
        for (let i = 0; i < 50; i++) world.solve('one', 0)
      },
    })
    world.pass(5 * MINUTE)
    world.look()
    expect(world.leaks).toEqual([])
  })

  it('gives none for a service that tells its balance some seconds late, also when work begins and stops', () => {
    const world = new World()
    for (let i = 0; i < 100; i++) {
      const ids = Array.from({ length: 20 }, () => world.reserve('one'))
      world.pass(15 * SECOND)
      // Charged at the end, by its books: its balance says so later than that.
      for (const _ of ids) world.charge(PRICE, 10 * SECOND)
      for (const id of ids.splice(0, 10)) world.settle(id, PRICE)
      world.look()
      for (const id of ids) world.settle(id, PRICE)
      world.pass(i % 3 === 0 ? 10 * MINUTE : 11 * SECOND)
      world.look()
    }
    expect(world.leaks).toEqual([])
  })

  it('gives none for many tasks whose replies were lost just before a look, and that are charged after it', () => {
    const world = new World()
    for (let i = 0; i < 20; i++) {
      const ids = Array.from({ length: 20 }, () => world.reserve('one'))
      for (const id of ids) world.settle(id, PRICE, true)
      world.look()
      for (const _ of ids) world.charge(PRICE, MINUTE)
      world.pass(5 * MINUTE)
      world.look()
    }
    expect(world.leaks).toEqual([])
  })

  it('gives none for prices that are some percent above the list, and one where they are far above', () => {
    const spend = (factor: number) => {
      const world = new World()
      for (let i = 0; i < 200; i++) {
        const id = world.reserve('one')
        world.charge(Math.round(PRICE * factor), 0)
        world.pass(30 * SECOND)
        world.settle(id, PRICE)
        if (i % 10 === 9) world.look()
      }
      return world.leaks.length
    }
    expect([spend(1.04), spend(1.2) > 0]).toEqual([0, true])
  })

  it('gives none for a balance that is told in cents', () => {
    const world = new World()
    world.toldIn = CENT
    for (let i = 0; i < 500; i++) {
      world.solve()
      world.pass(5 * MINUTE)
      world.look()
    }
    expect(world.leaks).toEqual([])
  })
})

/** A look again, as it was. */
function lastOf({ state }: Finding, world: World): BalanceReading {
  const { at, balance } = state.last
  const { settled, unsure, solves, reserved } = world.totals()
  const budgets = world.budgets.join()
  return {
    at,
    balance: balance as Money,
    settledBefore: settled,
    settledAfter: settled,
    reserved,
    unsure,
    solves,
    budgets,
  }
}

describe('a thief', () => {
  /** Works at a rate, is stolen from at another, and is looked at every five minutes: how many looks until it is found. */
  function looksUntilFound(solvesEach: number, stolenEach: number, most = 100): number {
    const world = new World()
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < solvesEach; n++) world.solve('one', SECOND)
      world.pass(5 * MINUTE)
      world.look()
    }
    for (let looks = 1; looks <= most; looks++) {
      for (let n = 0; n < solvesEach; n++) world.solve('one', SECOND)
      world.steal(stolenEach)
      world.pass(5 * MINUTE)
      if (world.look().leak) return looks
    }
    return Number.POSITIVE_INFINITY
  }

  it('is found at the first look, where it takes more than a cent and a twentieth of what is ours', () => {
    expect(looksUntilFound(0, CENT + 1)).toBe(1)
    expect(looksUntilFound(10, CENT + 1)).toBe(1)
    expect(looksUntilFound(50, 3 * CENT)).toBe(1)
    expect(looksUntilFound(1_000, 0.06 * 1_000 * PRICE)).toBe(1)
  })

  it('is found a little later, where it takes little at a time, and not at all below a twentieth of what is ours', () => {
    expect(looksUntilFound(0, CENT / 10)).toBe(11)
    expect(looksUntilFound(20, 0.1 * 20 * PRICE)).toBeLessThan(10)
    expect(looksUntilFound(50, 0.02 * 50 * PRICE)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is told with the sums, once, and again when they have doubled', () => {
    const world = new World()
    world.look()
    for (let i = 0; i < 64; i++) {
      world.solve()
      world.steal(5 * CENT)
      world.pass(5 * MINUTE)
      world.look()
    }
    expect(world.leaks.map(({ missing }) => missing / CENT)).toEqual([5, 10, 20, 40, 80, 160, 320])
    const [first] = world.leaks
    expect(first).toMatchObject({ since: T0, dropped: 5 * CENT + PRICE, ours: PRICE })
    expect(world.findings.at(-1)?.missing).toBe(320 * CENT)
  })

  it('is found beside tasks that are under way all the time', () => {
    const world = new World()
    const ids = Array.from({ length: 20 }, () => world.reserve('one', 99 * MINUTE))
    world.look()
    let looks = 0
    while (world.leaks.length === 0 && looks++ < 20) {
      for (const id of ids.splice(0, 10)) {
        world.charge(PRICE, 0)
        world.pass(0)
        world.settle(id, PRICE)
      }
      ids.push(...Array.from({ length: 10 }, () => world.reserve('one', 99 * MINUTE)))
      world.steal(6 * CENT)
      world.pass(5 * MINUTE)
      world.look()
    }
    expect(looks).toBeLessThan(5)
  })

  it('cannot hide behind a top-up for longer than until the next look', () => {
    const world = new World()
    world.look()
    world.steal(50 * CENT)
    world.pay(500 * CENT)
    world.pass(5 * MINUTE)
    expect(world.look().leak).toBeUndefined()
    world.steal(50 * CENT)
    world.pass(5 * MINUTE)
    expect(world.look().leak).toMatchObject({ missing: 50 * CENT, since: T0 + 5 * MINUTE })
  })
})

describe('what cannot be compared begins anew', () => {
  it.each<[string, (look: BalanceReading) => Partial<BalanceReading>]>([
    ['a balance that rose', ({ balance }) => ({ balance: (balance + 1) as Money })],
    ['another set of guards', () => ({ budgets: 'one,two,three' })],
    ['a ledger that has forgotten', () => ({ settledBefore: 0, settledAfter: 0, solves: 0 })],
    ['a clock that was set back', ({ at }) => ({ at: at - 1 })],
  ])('%s', (_, change) => {
    const world = new World()
    world.look()
    for (let i = 0; i < 20; i++) world.solve()
    const whole = lastOf(world.look(), world)
    const changed = { ...whole, ...change(whole) }
    const { state, missing, leak } = compareBalance(world.state, changed, PRICE)
    expect({ missing, leak }).toEqual({ missing: 0, leak: undefined })
    expect(state.anchor).toMatchObject({ at: changed.at, balance: changed.balance })
  })
})
