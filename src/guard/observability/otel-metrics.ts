import type * as Api from '@opentelemetry/api'
import type { Money } from '../../policy/money.js'
import type { BudgetStatus } from '../types.js'
import { ATTRIBUTE, inUsd } from './otel-names.js'
import type { ObservedGuard } from './telemetry.js'

/** Solves take seconds to minutes; the API's own boundaries are for milliseconds. */
const SOLVE_SECONDS = [0.1, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180]

/** The instruments of one guard at one meter, fed by what the guard tells and, at each collection, by one look at the ledger. */
export class Instruments {
  readonly #guard: ObservedGuard
  readonly #readStatus: () => Promise<BudgetStatus>
  /** As services have said, by account. */
  readonly #balances: ReadonlyMap<string, Money>
  readonly #meter: Api.Meter
  readonly #attributes: Api.Attributes
  readonly #solves: Api.Counter
  readonly #polls: Api.Counter
  readonly #unsubscribe: (() => void)[]
  #reading: Promise<BudgetStatus> | undefined

  constructor(
    meter: Api.Meter,
    guard: ObservedGuard,
    look: () => Promise<BudgetStatus>,
    balances: ReadonlyMap<string, Money>,
  ) {
    this.#balances = balances
    this.#readStatus = look
    this.#guard = guard
    this.#meter = meter
    this.#attributes = { [ATTRIBUTE.guard]: guard.name }
    this.#solves = meter.createCounter('solveguard.solves', {
      description: 'Solves that callers asked for, by how they ended.',
      unit: '{solve}',
    })
    this.#polls = meter.createCounter('solveguard.polls', {
      description: 'Calls that asked a service whether tasks are done.',
      unit: '{call}',
    })
    this.#unsubscribe = [...this.#count(), this.#observe()]
  }

  solve(family: string | undefined, outcome: string, code?: string): void {
    this.#solves.add(1, {
      ...this.#attributes,
      ...(family !== undefined && { [ATTRIBUTE.family]: family }),
      [ATTRIBUTE.outcome]: outcome,
      ...(code !== undefined && { [ATTRIBUTE.error]: code }),
    })
  }

  polled(solver: string): void {
    this.#polls.add(1, { ...this.#attributes, [ATTRIBUTE.solver]: solver })
  }

  close(): void {
    for (const stop of this.#unsubscribe) stop()
  }

  /** What is counted as it happens. */
  #count(): (() => void)[] {
    const { events } = this.#guard
    const spend = this.#meter.createCounter('solveguard.spend', {
      description: 'What solves are held to have cost.',
      unit: '{USD}',
    })
    const denials = this.#meter.createCounter('solveguard.denials', {
      description: 'Solves that a layer said no to.',
      unit: '{denial}',
    })
    const duration = this.#meter.createHistogram('solveguard.solve.duration', {
      description: 'How long attempts at a solve took.',
      unit: 's',
      advice: { explicitBucketBoundaries: SOLVE_SECONDS },
    })
    const attributesOf = (family: string | undefined, solver: string | undefined): Api.Attributes => ({
      ...this.#attributes,
      ...(family !== undefined && { [ATTRIBUTE.family]: family }),
      ...(solver !== undefined && { [ATTRIBUTE.solver]: solver }),
    })
    const spent = (cost: Money, about: Api.Attributes): void => {
      if (cost > 0) spend.add(inUsd(cost), about)
    }
    return [
      events.on('solved', ({ challenge, solver, cost, durationMs }) => {
        const about = attributesOf(challenge.family, solver)
        spent(cost, about)
        duration.record(durationMs / 1000, about)
      }),
      events.on('failed', ({ challenge, solver, cost, durationMs, code }) => {
        const about = attributesOf(challenge.family, solver)
        spent(cost, about)
        duration.record(durationMs / 1000, { ...about, [ATTRIBUTE.error]: code })
      }),
      events.on('recovered', ({ cost, solver, family }) => spent(cost, attributesOf(family, solver))),
      events.on('denied', ({ challenge, layer, code }) => {
        denials.add(1, {
          ...attributesOf(challenge.family, undefined),
          [ATTRIBUTE.layer]: layer,
          [ATTRIBUTE.error]: code,
        })
      }),
    ]
  }

  /**
   * What stands in the ledger. Gauges, not sums that go up and down: every process of a guard sees the same budget, so adding them up would
   * be wrong.
   */
  #observe(): () => void {
    const gauge = (name: string, unit: string, description: string): Api.ObservableGauge =>
      this.#meter.createObservableGauge(`solveguard.${name}`, { unit, description })
    const limit = gauge('budget.limit', '{USD}', 'What may be spent in a day: the cap that leaves the least.')
    const spent = gauge('budget.spent', '{USD}', 'What was spent in that day, in all processes.')
    const reserved = gauge('budget.reserved', '{USD}', 'What is set aside for solves under way, in all processes.')
    const left = gauge('budget.left', '{USD}', 'What may still be spent now.')
    const used = gauge('slots.used', '{solve}', 'Solves under way, in all processes.')
    const slots = gauge('slots.limit', '{solve}', 'How many solves may be under way.')
    const paused = gauge('paused', '1', '1 while the guard is paused, else 0.')
    const balance = gauge('balance', '{USD}', 'What an account at a service has left, as that said last.')
    // This one is of each process alone.
    const waiting = this.#meter.createObservableUpDownCounter('solveguard.solves.waiting', {
      description: 'Solves of this process that wait for room in a budget.',
      unit: '{solve}',
    })
    const age = gauge('key.age', 's', 'How long ago the key was made, where its store says so.')

    const collect = async (result: Api.BatchObservableResult): Promise<void> => {
      this.#keys(result, age)
      result.observe(waiting, this.#guard.waitQueue.waiting, this.#attributes)
      for (const [solver, amount] of this.#balances) {
        result.observe(balance, inUsd(amount), { ...this.#attributes, [ATTRIBUTE.solver]: solver })
      }
      try {
        const status = await this.#status()
        const { day } = status
        const mine = this.#attributes
        result.observe(limit, inUsd(day.cap), mine)
        result.observe(spent, inUsd(day.spent), mine)
        result.observe(reserved, inUsd(day.reserved), mine)
        result.observe(left, inUsd(day.left), mine)
        result.observe(used, status.slots.used, mine)
        if (status.slots.cap !== undefined) result.observe(slots, status.slots.cap, mine)
        result.observe(paused, status.usage.paused ? 1 : 0, mine)
      } catch {
        // A ledger that does not answer is told of where it matters; a gauge without a value says as much.
      }
    }
    const all = [limit, spent, reserved, left, used, slots, paused, balance, waiting, age]
    this.#meter.addBatchObservableCallback(collect, all)
    return () => this.#meter.removeBatchObservableCallback(collect, all)
  }

  /** One look at a time: readers that collect at once, or faster than the ledger answers, share it. */
  #status(): Promise<BudgetStatus> {
    this.#reading ??= this.#readStatus().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  #keys(result: Api.BatchObservableResult, age: Api.ObservableGauge): void {
    const now = this.#guard.keyTime()
    for (const { name, secrets } of this.#guard.accounts) {
      const key = secrets.usable()?.current
      if (key?.createdAt === undefined) continue
      const about = { ...this.#attributes, [ATTRIBUTE.solver]: name, [ATTRIBUTE.keyVersion]: key.version }
      result.observe(age, (now - key.createdAt) / 1000, about)
    }
  }
}
