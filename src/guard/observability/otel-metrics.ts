import type * as Api from '@opentelemetry/api'
import type { Money } from '../../policy/money.js'
import type { BudgetStatus } from '../types.js'
import { ATTRIBUTE, inUsd } from './otel-names.js'
import type { ObservedGuard } from './telemetry.js'

/** Solves take seconds to minutes; the API's default boundaries are meant for milliseconds. */
const SOLVE_SECONDS = [0.1, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180]

/** The instruments of one guard at one meter. Sources: the guard's events and, at each collection, one ledger read. */
export class Instruments {
  readonly #guard: ObservedGuard
  readonly #readStatus: () => Promise<BudgetStatus>
  /** The balance that each service reported last, by account. */
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
    readStatus: () => Promise<BudgetStatus>,
    balances: ReadonlyMap<string, Money>,
  ) {
    this.#balances = balances
    this.#readStatus = readStatus
    this.#guard = guard
    this.#meter = meter
    this.#attributes = { [ATTRIBUTE.guard]: guard.name }
    this.#solves = meter.createCounter('solveguard.solves', {
      description: 'Solves that callers requested, by outcome.',
      unit: '{solve}',
    })
    this.#polls = meter.createCounter('solveguard.polls', {
      description: 'Calls that polled a service for finished tasks.',
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

  /** Counters and histograms, fed by events. */
  #count(): (() => void)[] {
    const { events } = this.#guard
    const spend = this.#meter.createCounter('solveguard.spend', {
      description: 'What solves cost, as the ledger counts it.',
      unit: '{USD}',
    })
    const denials = this.#meter.createCounter('solveguard.denials', {
      description: 'Solves that a layer denied.',
      unit: '{denial}',
    })
    const duration = this.#meter.createHistogram('solveguard.solve.duration', {
      description: 'How long solve attempts took.',
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
          ...attributesOf(challenge?.family, undefined),
          [ATTRIBUTE.layer]: layer,
          [ATTRIBUTE.error]: code,
        })
      }),
    ]
  }

  /**
   * Values from the ledger. They are gauges, not up-down counters: every process of a guard reports the same budget, so
   * adding the values up would be wrong.
   */
  #observe(): () => void {
    const gauge = (name: string, unit: string, description: string): Api.ObservableGauge =>
      this.#meter.createObservableGauge(`solveguard.${name}`, { unit, description })
    const limit = gauge('budget.limit', '{USD}', 'What may be spent in a day: the cap with the least left.')
    const spent = gauge('budget.spent', '{USD}', 'What was spent in that day, in all processes.')
    const reserved = gauge('budget.reserved', '{USD}', 'What is reserved for solves under way, in all processes.')
    const left = gauge('budget.left', '{USD}', 'What may still be spent now.')
    const used = gauge('slots.used', '{solve}', 'Solves under way, in all processes.')
    const slots = gauge('slots.limit', '{solve}', 'How many solves may be under way.')
    const paused = gauge('paused', '1', '1 while the guard is paused, else 0.')
    const balance = gauge('balance', '{USD}', 'The balance of an account, as its service reported it last.')
    // This value differs from process to process, so it may be added up.
    const waiting = this.#meter.createObservableUpDownCounter('solveguard.solves.waiting', {
      description: 'Solves of this process that are queued for a budget.',
      unit: '{solve}',
    })
    const age = gauge('key.age', 's', 'The age of the key, where its store reports when it was created.')

    const collect = async (result: Api.BatchObservableResult): Promise<void> => {
      this.#keys(result, age)
      result.observe(waiting, this.#guard.waitQueue.waiting, this.#attributes)
      for (const [solver, amount] of this.#balances) {
        result.observe(balance, inUsd(amount), { ...this.#attributes, [ATTRIBUTE.solver]: solver })
      }
      try {
        const status = await this.#status()
        const { day } = status
        const attributes = this.#attributes
        result.observe(limit, inUsd(day.cap), attributes)
        result.observe(spent, inUsd(day.spent), attributes)
        result.observe(reserved, inUsd(day.reserved), attributes)
        result.observe(left, inUsd(day.left), attributes)
        result.observe(used, status.slots.used, attributes)
        if (status.slots.cap !== undefined) result.observe(slots, status.slots.cap, attributes)
        result.observe(paused, status.usage.paused ? 1 : 0, attributes)
      } catch {
        // A ledger failure is reported by the solves and the heartbeat. Here the gauges just have no value.
      }
    }
    const all = [limit, spent, reserved, left, used, slots, paused, balance, waiting, age]
    this.#meter.addBatchObservableCallback(collect, all)
    return () => this.#meter.removeBatchObservableCallback(collect, all)
  }

  /** One ledger read at a time. Metric readers that collect at once, or faster than the ledger answers, share it. */
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
