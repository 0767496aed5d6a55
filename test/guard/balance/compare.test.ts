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
/** The most that a solve may cost. */
const PRICE = 3_000

/** A service's account, the ledger of the guards that use it, and a monitor that reads its balance. */
class World {
  readonly ledger = memoryLedger()
  now = T0
  #balance = 1_000_000_000
  #ids = 0
  #charges: { at: number; amount: number }[] = []
  state: BalanceState | undefined
  readonly findings: Finding[] = []
  readonly budgets = ['one', 'two']
  /** Micro-dollars to which the service rounds its balance down. */
  roundsTo = 1

  /** Advances the time; the service makes the charges that are due. */
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

  /** The service charges for a task, after `inMs`. */
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

  /** @param meanwhile what happens between the two ledger reads, before and after the service's reply */
  takeReading(meanwhile: { before?: () => void; after?: () => void } = {}): Finding {
    const before = this.totals()
    meanwhile.before?.()
    const balance = (Math.floor(this.#balance / this.roundsTo) * this.roundsTo) as Money
    meanwhile.after?.()
    const after = this.totals()
    const reading: BalanceReading = {
      at: this.now,
      balance,
      settledBefore: before.settled,
      settledAfter: after.settled,
      reserved: Math.max(before.reserved, after.reserved),
      unsure: after.unsure,
      solves: after.solves,
      budgets: this.budgets.join(),
    }
    const finding = compareBalance(this.state, reading, PRICE)
    this.state = JSON.parse(JSON.stringify(finding.state)) as BalanceState
    this.findings.push(finding)
    return finding
  }

  get leaks() {
    return this.findings.flatMap(({ leak }) => leak ?? [])
  }

  /** One complete solve with the default outcome. */
  solve(budget = 'one', takesMs = 15 * SECOND, cost = PRICE): void {
    const id = this.reserve(budget)
    this.charge(cost, takesMs / 2)
    this.pass(takesMs)
    this.settle(id, cost)
  }
}

describe('the balance of a key that has not leaked', () => {
  it('raises no alarm over months of solves with breaks, top-ups and idle days', () => {
    const world = new World()
    for (let day = 0; day < 60; day++) {
      for (let i = 0; i < 30; i++) {
        for (let n = 0; n < day % 7; n++) world.solve(n % 2 ? 'one' : 'two')
        world.pass(5 * MINUTE)
        world.takeReading()
      }
      if (day % 9 === 0) world.pay(5_000_000)
      world.pass(20 * 60 * MINUTE)
      world.takeReading()
    }
    expect(world.leaks).toEqual([])
  })

  /** What may happen to one task, in any process. */
  const task = fc.record({
    budget: fc.constantFrom('one', 'two'),
    startsIn: fc.integer({ min: 0, max: 400 }),
    takes: fc.integer({ min: 1, max: 170 }),
    /** What the service charges: from its list, or less. */
    price: fc.integer({ min: PRICE * 0.6, max: PRICE }),
    charged: fc.constantFrom('at once', 'at the end', 'some time'),
    /**
     * How it ends for the guard: settled at its reported cost or at the list price; its reply lost; failed at no cost;
     * its process dead, and the task then recovered, expired, or settled late.
     */
    ends: fc.constantFrom(
      'reported',
      'listed',
      'listed',
      'lost',
      'failed',
      'abandoned',
      'expired',
      'late',
      'late and free',
    ),
  })

  it('raises no alarm for any outcome of tasks in several processes, at any time of a reading', () => {
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
              // A reading while tasks are under way; sometimes after an hour without any.
              at += item > 38 ? 4_000 : item * 8
              const next = item
              when(at, () => void (next % 13 === 0 ? world.pay(50_000) : world.takeReading()))
              continue
            }
            const { budget, startsIn, takes, price, charged, ends } = item
            const start = at + startsIn
            let id = ''
            when(start, () => {
              id = world.reserve(budget)
              if (ends === 'failed' || ends === 'late and free') return
              const inMs = charged === 'at once' ? 0 : charged === 'at the end' ? takes * 1000 : (takes * 1000) / 3
              world.charge(price, inMs)
            })
            if (ends === 'reported') when(start + takes, () => world.settle(id, price))
            if (ends === 'listed' || ends === 'abandoned') when(start + takes, () => world.settle(id, PRICE))
            if (ends === 'failed') when(start + takes, () => world.settle(id, 0))
            // Counted as spent at once, charged when it is done.
            if (ends === 'lost') when(start, () => world.settle(id, PRICE, true))
            if (ends === 'late') when(start + 400 + takes, () => world.settle(id, PRICE))
            if (ends === 'late and free') when(start + 400 + takes, () => world.settle(id, 0))
          }
          events.sort((a, b) => a.at - b.at)
          const random = numbers[Symbol.iterator]()
          for (const { at: second, run } of events) {
            world.pass(T0 + second * SECOND - world.now)
            run()
            if ((random.next().value ?? 0) < 20) world.takeReading()
          }
          world.pass(1_000 * SECOND)
          world.takeReading()
          expect(world.leaks).toEqual([])
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('raises no alarm for solves between the ledger read and the balance read', () => {
    const world = new World()
    world.takeReading()
    for (let i = 0; i < 50; i++) {
      const ids = Array.from({ length: 10 }, () => world.reserve('one'))
      const more: string[] = []
      world.pass(5 * MINUTE - 1)
      world.takeReading({
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

  it('raises no alarm for solves that start and settle after the service has returned its balance', () => {
    const world = new World()
    world.takeReading({
      after: () => {
        for (let i = 0; i < 50; i++) world.solve('one', 0)
      },
    })
    world.pass(5 * MINUTE)
    world.takeReading()
    expect(world.leaks).toEqual([])
  })

  it('raises no alarm for a service whose balance lags by some seconds, also when load starts and stops', () => {
    const world = new World()
    for (let i = 0; i < 100; i++) {
      const ids = Array.from({ length: 20 }, () => world.reserve('one'))
      world.pass(15 * SECOND)
      // Charged when it is solved; the balance shows it later than that.
      for (const _ of ids) world.charge(PRICE, 10 * SECOND)
      for (const id of ids.splice(0, 10)) world.settle(id, PRICE)
      world.takeReading()
      for (const id of ids) world.settle(id, PRICE)
      world.pass(i % 3 === 0 ? 10 * MINUTE : 11 * SECOND)
      world.takeReading()
    }
    expect(world.leaks).toEqual([])
  })

  it('raises no alarm for tasks whose replies were lost before a reading and that are charged after it', () => {
    const world = new World()
    for (let i = 0; i < 20; i++) {
      const ids = Array.from({ length: 20 }, () => world.reserve('one'))
      for (const id of ids) world.settle(id, PRICE, true)
      world.takeReading()
      for (const _ of ids) world.charge(PRICE, MINUTE)
      world.pass(5 * MINUTE)
      world.takeReading()
    }
    expect(world.leaks).toEqual([])
  })

  it('raises no alarm for prices slightly above the list, and one for prices far above it', () => {
    const spend = (factor: number) => {
      const world = new World()
      for (let i = 0; i < 200; i++) {
        const id = world.reserve('one')
        world.charge(Math.round(PRICE * factor), 0)
        world.pass(30 * SECOND)
        world.settle(id, PRICE)
        if (i % 10 === 9) world.takeReading()
      }
      return world.leaks.length
    }
    expect([spend(1.04), spend(1.2) > 0]).toEqual([0, true])
  })

  it('raises no alarm for a balance that is rounded to cents', () => {
    const world = new World()
    world.roundsTo = CENT
    for (let i = 0; i < 500; i++) {
      world.solve()
      world.pass(5 * MINUTE)
      world.takeReading()
    }
    expect(world.leaks).toEqual([])
  })
})

/** The last reading once more. */
function lastReading({ state }: Finding, world: World): BalanceReading {
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

describe('the balance of a leaked key', () => {
  /** With solves and thefts at these rates and a reading every five minutes: how many readings until an alarm. */
  function readingsUntilAlarm(solvesEach: number, stolenEach: number, most = 100): number {
    const world = new World()
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < solvesEach; n++) world.solve('one', SECOND)
      world.pass(5 * MINUTE)
      world.takeReading()
    }
    for (let readings = 1; readings <= most; readings++) {
      for (let n = 0; n < solvesEach; n++) world.solve('one', SECOND)
      world.steal(stolenEach)
      world.pass(5 * MINUTE)
      if (world.takeReading().leak) return readings
    }
    return Number.POSITIVE_INFINITY
  }

  it('raises an alarm at the first reading when more than a cent plus a twentieth of our spend is missing', () => {
    expect(readingsUntilAlarm(0, CENT + 1)).toBe(1)
    expect(readingsUntilAlarm(10, CENT + 1)).toBe(1)
    expect(readingsUntilAlarm(50, 3 * CENT)).toBe(1)
    expect(readingsUntilAlarm(1_000, 0.06 * 1_000 * PRICE)).toBe(1)
  })

  it('raises a later alarm when little is stolen at a time, and none below a twentieth of our spend', () => {
    expect(readingsUntilAlarm(0, CENT / 10)).toBe(11)
    expect(readingsUntilAlarm(20, 0.1 * 20 * PRICE)).toBeLessThan(10)
    expect(readingsUntilAlarm(50, 0.02 * 50 * PRICE)).toBe(Number.POSITIVE_INFINITY)
  })

  it('raises one alarm with the amounts, and a further one whenever the missing amount has doubled', () => {
    const world = new World()
    world.takeReading()
    for (let i = 0; i < 64; i++) {
      world.solve()
      world.steal(5 * CENT)
      world.pass(5 * MINUTE)
      world.takeReading()
    }
    expect(world.leaks.map(({ missing }) => missing / CENT)).toEqual([5, 10, 20, 40, 80, 160, 320])
    const [first] = world.leaks
    expect(first).toMatchObject({ since: T0, dropped: 5 * CENT + PRICE, ours: PRICE })
    expect(world.findings.at(-1)?.missing).toBe(320 * CENT)
  })

  it('raises an alarm although tasks are under way all the time', () => {
    const world = new World()
    const ids = Array.from({ length: 20 }, () => world.reserve('one', 99 * MINUTE))
    world.takeReading()
    let readings = 0
    while (world.leaks.length === 0 && readings++ < 20) {
      for (const id of ids.splice(0, 10)) {
        world.charge(PRICE, 0)
        world.pass(0)
        world.settle(id, PRICE)
      }
      ids.push(...Array.from({ length: 10 }, () => world.reserve('one', 99 * MINUTE)))
      world.steal(6 * CENT)
      world.pass(5 * MINUTE)
      world.takeReading()
    }
    expect(readings).toBeLessThan(5)
  })

  it('raises an alarm at the first reading after the one that a top-up has hidden', () => {
    const world = new World()
    world.takeReading()
    world.steal(50 * CENT)
    world.pay(500 * CENT)
    world.pass(5 * MINUTE)
    expect(world.takeReading().leak).toBeUndefined()
    world.steal(50 * CENT)
    world.pass(5 * MINUTE)
    expect(world.takeReading().leak).toMatchObject({ missing: 50 * CENT, since: T0 + 5 * MINUTE })
  })
})

describe('compareBalance starts a new baseline after', () => {
  it.each<[string, (reading: BalanceReading) => Partial<BalanceReading>]>([
    ['a balance that rose', ({ balance }) => ({ balance: (balance + 1) as Money })],
    ['a change of the set of guards', () => ({ budgets: 'one,two,three' })],
    ['a ledger that has lost its totals', () => ({ settledBefore: 0, settledAfter: 0, solves: 0 })],
    ['a clock that was set back', ({ at }) => ({ at: at - 1 })],
  ])('%s', (_, change) => {
    const world = new World()
    world.takeReading()
    for (let i = 0; i < 20; i++) world.solve()
    const whole = lastReading(world.takeReading(), world)
    const changed = { ...whole, ...change(whole) }
    const { state, missing, leak } = compareBalance(world.state, changed, PRICE)
    expect({ missing, leak }).toEqual({ missing: 0, leak: undefined })
    expect(state.anchor).toMatchObject({ at: changed.at, balance: changed.balance })
  })
})
