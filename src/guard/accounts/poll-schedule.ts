import type { Polling } from '../../solvers/solver.js'
import { type LogNormal, maximumLikelihood, type Prior, type ReadyInterval, readyBy } from './log-normal.js'

/** How many of the latest tasks are kept, and the weight of each relative to the next one. */
const MAX_INTERVALS = 200
const DECAY = 0.988
/** The weight of the time in the service's table, as a number of tasks. */
const GUESS = { weight: 2, spreadWeight: 4 }
/** Learning moves the median at most this far from the table's, in either direction (a factor of 5). */
const MAX_MEDIAN_SHIFT = Math.log(5)
/** The highest weight of other processes' times, as a number of tasks: those of this process soon count for more. */
const MAX_SEED_WEIGHT = 10
/** A new plan is made after at most so many tasks. At first it is made sooner: early tasks teach most. */
const PLAN_EVERY = 20

/**
 * A task that is ready at its first poll does not show how long it took. After so many of them in a row, the next one
 * is polled earlier, to find out.
 */
const READY_BEFORE_EARLIER = 4
const EARLIER_FACTOR = 0.75

/** The learned distribution of solve times, and from how many tasks. */
export interface LearnedTimes extends LogNormal {
  readonly seen: number
}

/**
 * When to poll for a task of one family at one service. Learns from how long tasks took. Minimizes the number of polls,
 * with a mean answer latency of at most `idleMs`. Never polls sooner than `firstPollMs` or more often than `everyMs`.
 *
 * If the service's table has no guess of solve times (`usual`), it polls at the fixed times and learns nothing.
 */
export class PollSchedule {
  /** The times of the service's table. */
  readonly polling: Polling
  /** The guess of the service's table. */
  readonly #guess: LogNormal | undefined
  /** The prior, before this process has seen a task: the table's guess, or the times of other processes. */
  #belief: Prior | undefined
  readonly #intervals: ReadyInterval[] = []
  #sincePlan = 0
  /** How many tasks in a row were ready at their first poll. */
  #readyAtFirstPoll = 0
  #plan: Plan | undefined
  /** Total ms from submission to the received answer, and the number of tasks: both decay. */
  #totalMs = 0
  #count = 0

  constructor(polling: Polling) {
    this.polling = polling
    const { usual } = polling
    this.#guess = usual && { mu: Math.log(usual.medianMs), sigma: usual.spread }
    this.#belief = this.#guess && { ...this.#guess, ...GUESS }
  }

  /**
   * The next time to poll, in ms since the task was submitted.
   * @param polledMs the time of the last poll, in ms since submission; undefined before the first one
   */
  next(polledMs?: number): number {
    const { firstPollMs, everyMs, usual } = this.polling
    if (!usual || !this.#belief) return polledMs === undefined ? firstPollMs : polledMs + everyMs
    this.#plan ??= new Plan(this.#estimate(this.#belief), { firstPollMs, everyMs, idleMs: usual.idleMs })
    const at = this.#plan.next(polledMs)
    if (polledMs !== undefined) return at
    return Math.max(at * EARLIER_FACTOR ** Math.floor(this.#readyAtFirstPoll / READY_BEFORE_EARLIER), firstPollMs)
  }

  /** Mean ms from submission to the received answer. */
  get meanMs(): number {
    const { firstPollMs, everyMs, usual } = this.polling
    const { mu, sigma, weight } = this.#belief ?? {
      mu: Math.log(firstPollMs + everyMs),
      sigma: 0,
      weight: GUESS.weight,
    }
    const believed = Math.exp(mu + sigma ** 2 / 2) + (usual?.idleMs ?? 0)
    return (this.#totalMs + weight * believed) / (this.#count + weight)
  }

  /** The decayed number of tasks seen by this process: older tasks count less. */
  get count(): number {
    return this.#count
  }

  /** What this process has learned, for other processes. Undefined before it has seen a task. */
  get learned(): LearnedTimes | undefined {
    if (!this.#belief || this.#intervals.length === 0) return undefined
    return { ...this.#estimate(this.#belief), seen: this.#intervals.length }
  }

  /** Starts from the times of other processes in place of the table. Ignored once this process has seen a task. */
  seed({ mu, sigma, seen }: LearnedTimes): void {
    if (!this.#guess || this.#intervals.length > 0) return
    const weight = Math.min(seen, MAX_SEED_WEIGHT)
    this.#belief = {
      mu: this.#clamp(mu, this.#guess),
      sigma,
      weight: GUESS.weight + weight,
      spreadWeight: GUESS.spreadWeight + weight,
    }
    this.#plan = undefined
  }

  /** Records that a task became ready between two times, in ms since it was submitted. */
  observe(seen: ReadyInterval): void {
    this.#totalMs = this.#totalMs * DECAY + seen.by
    this.#count = this.#count * DECAY + 1
    if (!this.#guess || !(seen.by > seen.after)) return
    this.#readyAtFirstPoll = seen.after > 0 ? 0 : this.#readyAtFirstPoll + 1
    this.#intervals.push(seen)
    if (this.#intervals.length > MAX_INTERVALS) this.#intervals.shift()
    if (++this.#sincePlan < Math.min(PLAN_EVERY, this.#intervals.length / 4)) return
    this.#sincePlan = 0
    this.#plan = undefined
  }

  /** The current estimate of solve times. */
  #estimate(belief: Prior): LogNormal {
    if (this.#intervals.length === 0) return belief
    const { mu, sigma } = maximumLikelihood(belief, this.#intervals, DECAY)
    return { mu: this.#clamp(mu, this.#guess ?? belief), sigma }
  }

  #clamp(mu: number, guess: LogNormal): number {
    return Math.min(Math.max(mu, guess.mu - MAX_MEDIAN_SHIFT), guess.mu + MAX_MEDIAN_SHIFT)
  }
}

interface Bounds {
  readonly firstPollMs: number
  readonly everyMs: number
  /** The longest mean time, in ms, that an answer may be ready before it is polled. */
  readonly idleMs: number
}

/** The number of time steps of a plan, and how many steps ahead the next poll may be. */
const STEPS = 320
const MAX_WAIT_STEPS = 60
/** The poll interval after the end of the plan, where hardly any task is still open. */
const STRAGGLER_MS = 6_000
const MIN_GROWTH = 1.04
/** The bounds for the cost of a poll, in ms of answer latency. */
const MIN_POLL_COST_MS = 20
const MAX_POLL_COST_MS = 20_000

/**
 * The poll times with the fewest polls for a distribution, under a bound on the mean answer latency. For each time of
 * the last poll it holds the best next one, computed backwards from the end (dynamic programming). The cost of a poll,
 * in ms of latency, is the highest that the bound allows.
 */
class Plan {
  readonly #bounds: Bounds
  readonly #stepMs: number
  /** For each step of the last poll, the step of the next one. Index 0 holds the step of the first poll. */
  #best: Uint16Array

  constructor(times: LogNormal, bounds: Bounds) {
    this.#bounds = bounds
    const horizon = Math.exp(times.mu + 3 * times.sigma) + bounds.everyMs + bounds.firstPollMs
    this.#stepMs = horizon / STEPS
    const ready = Array.from({ length: STEPS + 1 }, (_, step) => readyBy(times, step * this.#stepMs))
    const area = new Float64Array(STEPS + 1)
    for (let i = 1; i <= STEPS; i++) {
      area[i] = (area[i - 1] as number) + (((ready[i] as number) + (ready[i - 1] as number)) / 2) * this.#stepMs
    }
    const grid = { ready, area }
    this.#best = this.#solve(grid, MIN_POLL_COST_MS)
    // A higher cost per poll means fewer polls and more latency: bisect for the highest cost within the bound.
    let [low, high] = [Math.log(MIN_POLL_COST_MS), Math.log(MAX_POLL_COST_MS)]
    for (let i = 0; i < 12; i++) {
      const middle = (low + high) / 2
      const best = this.#solve(grid, Math.exp(middle))
      if (this.#idle(grid, best) <= bounds.idleMs) {
        this.#best = best
        low = middle
      } else high = middle
    }
  }

  next(polledMs: number | undefined): number {
    const { firstPollMs, everyMs } = this.#bounds
    if (polledMs === undefined) return Math.max((this.#best[0] as number) * this.#stepMs, firstPollMs)
    const step = Math.max(1, Math.ceil(polledMs / this.#stepMs))
    const next = step < STEPS ? (this.#best[step] as number) : STEPS
    const at = next < STEPS ? next * this.#stepMs : polledMs + STRAGGLER_MS
    // The interval grows with the task's age, so that a task is polled at most about a hundred times.
    return Math.max(at, polledMs + everyMs, polledMs * MIN_GROWTH)
  }

  /** The best next step for each step, if a poll costs as much as `pollCostMs` of latency. */
  #solve({ ready, area }: Grid, pollCostMs: number): Uint16Array {
    const { firstPollMs, everyMs } = this.#bounds
    const gap = Math.max(1, Math.ceil(everyMs / this.#stepMs))
    const first = Math.max(1, Math.ceil(firstPollMs / this.#stepMs))
    const costs = new Float64Array(STEPS + 1)
    const best = new Uint16Array(STEPS + 1).fill(STEPS)
    for (let i = STEPS - 1; i >= 0; i--) {
      const from = i === 0 ? first : i + gap
      const to = i === 0 ? STEPS : Math.min(STEPS, from + MAX_WAIT_STEPS)
      let minCost = Number.POSITIVE_INFINITY
      const poll = pollCostMs * (1 - (ready[i] as number))
      for (let j = from; j <= to; j++) {
        const cost = poll + idleBetween(area, ready, i, j, this.#stepMs) + (costs[j] as number)
        if (cost < minCost) {
          minCost = cost
          best[i] = j
        }
      }
      costs[i] = minCost === Number.POSITIVE_INFINITY ? poll : minCost
    }
    return best
  }

  /** Mean ms that an answer is ready before it is polled, under a plan. */
  #idle({ ready, area }: Grid, best: Uint16Array): number {
    let idle = 0
    for (let i = 0; i < STEPS; ) {
      const j = best[i] as number
      idle += idleBetween(area, ready, i, j, this.#stepMs)
      i = j
    }
    return idle
  }
}

interface Grid {
  readonly ready: readonly number[]
  readonly area: Float64Array
}

/** The latency, in ms, of answers that become ready between two polls, times their share of all answers. */
function idleBetween(area: Float64Array, ready: readonly number[], i: number, j: number, stepMs: number): number {
  return (area[j] as number) - (area[i] as number) - (ready[i] as number) * (j - i) * stepMs
}
