import type { Polling } from '../../solvers/solver.js'
import { type LogNormal, maximumLikelihood, type Prior, type ReadyInterval, readyBy } from './log-normal.js'

/** How many of the latest tasks are remembered, and how much less each counts than the one after it. */
const MAX_INTERVALS = 200
const DECAY = 0.988
/** As how many tasks the table's own guess counts. */
const GUESS = { weight: 2, spreadWeight: 4 }
/** What was learnt never moves the median further than this from the table's, either way. */
const MAX_MEDIAN_SHIFT = Math.log(5)
/** As how many tasks the word of others counts at most: what is seen here soon counts for more. */
const MAX_SEED_WEIGHT = 10
/** A new plan is made after at most so many more tasks; sooner at first, for the first ones teach most. */
const PLAN_EVERY = 20

/**
 * Of tasks that are all ready when they are first asked for, nobody knows how long they took: after so many in a row the next is asked for
 * sooner, to find out.
 */
const READY_BEFORE_EARLIER = 4
const EARLIER_FACTOR = 0.75

/** What was learnt of how long tasks take, and from how many. */
export interface LearnedTimes extends LogNormal {
  readonly seen: number
}

/**
 * When to ask for a task of one family at one service. Learns from how long tasks took: it asks later and less often than the
 * service's manners would allow, as long as answers do not lie there for longer, on average, than the table says.
 *
 * Without a guess of how long tasks take it asks at the times given, and learns nothing.
 */
export class PollSchedule {
  readonly #polling: Polling
  /** What the table says. */
  readonly #guess: LogNormal | undefined
  /** What is believed before anything was seen here: the table, or what others have learnt. */
  #belief: Prior | undefined
  readonly #intervals: ReadyInterval[] = []
  #sincePlan = 0
  /** How many tasks in a row were ready when they were first asked for. */
  #readyAtFirstPoll = 0
  #plan: Plan | undefined
  /** How long tasks took until their answers were here, in all, and as how many they count. */
  #totalMs = 0
  #count = 0

  constructor(polling: Polling) {
    this.#polling = polling
    const { usual } = polling
    this.#guess = usual && { mu: Math.log(usual.medianMs), sigma: usual.spread }
    this.#belief = this.#guess && { ...this.#guess, ...GUESS }
  }

  /**
   * The next time to ask, in ms since the task was handed in.
   * @param polledMs when it was asked for last; undefined if not yet
   */
  next(polledMs?: number): number {
    const { firstPollMs, everyMs, usual } = this.#polling
    if (!usual || !this.#belief) return polledMs === undefined ? firstPollMs : polledMs + everyMs
    this.#plan ??= new Plan(this.#estimate(this.#belief), { firstPollMs, everyMs, idleMs: usual.idleMs })
    const at = this.#plan.next(polledMs)
    if (polledMs !== undefined) return at
    return Math.max(at * EARLIER_FACTOR ** Math.floor(this.#readyAtFirstPoll / READY_BEFORE_EARLIER), firstPollMs)
  }

  /** How long a task takes until its answer is here, on average, in ms. */
  get meanMs(): number {
    const { firstPollMs, everyMs, usual } = this.#polling
    const { mu, sigma, weight } = this.#belief ?? {
      mu: Math.log(firstPollMs + everyMs),
      sigma: 0,
      weight: GUESS.weight,
    }
    const believed = Math.exp(mu + sigma ** 2 / 2) + (usual?.idleMs ?? 0)
    return (this.#totalMs + weight * believed) / (this.#count + weight)
  }

  /** As how many tasks what was seen here counts; those of long ago count less. */
  get count(): number {
    return this.#count
  }

  /** What was learnt here, for others; undefined while that is nothing. */
  get learned(): LearnedTimes | undefined {
    if (!this.#belief || this.#intervals.length === 0) return undefined
    return { ...this.#estimate(this.#belief), seen: this.#intervals.length }
  }

  /** Begins with what others have learnt, in place of the table. Whoever has seen tasks of its own goes by those. */
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

  /** A task was ready after the one time and by the other, in ms since it was handed in. */
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

  /** What is believed of how long tasks take now. */
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
  /** How long an answer may lie there, on average. */
  readonly idleMs: number
}

/** The grid that plans are made on, and how far they look ahead. */
const STEPS = 320
const MAX_WAIT_STEPS = 60
/** Past the plan's end hardly any task is left; those that are, are asked for as often as this. */
const STRAGGLER_MS = 6_000
const MIN_GROWTH = 1.04
/** What a poll is worth, in ms of an answer's lying there, from the least to the most. */
const MIN_POLL_WORTH_MS = 20
const MAX_POLL_WORTH_MS = 20_000

/**
 * The times that make the fewest polls of a distribution, under a bound on how long answers lie there: for each time of the last
 * poll, the best next one, from the end backwards (dynamic programming), with a poll worth as much waiting as the bound allows.
 */
class Plan {
  readonly #bounds: Bounds
  readonly #stepMs: number
  /** For each step of the last poll, the step of the next; at 0 that of the first. */
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
    this.#best = this.#solve(grid, MIN_POLL_WORTH_MS)
    // The dearer a poll, the fewer of them and the longer answers lie there: as dear as the bound allows.
    let [low, high] = [Math.log(MIN_POLL_WORTH_MS), Math.log(MAX_POLL_WORTH_MS)]
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
    // The longer it takes, the less often: a task is never asked for more than about a hundred times.
    return Math.max(at, polledMs + everyMs, polledMs * MIN_GROWTH)
  }

  /** The best next step for each step, where a poll is worth so many ms of waiting. */
  #solve({ ready, area }: Grid, worthMs: number): Uint16Array {
    const { firstPollMs, everyMs } = this.#bounds
    const gap = Math.max(1, Math.ceil(everyMs / this.#stepMs))
    const first = Math.max(1, Math.ceil(firstPollMs / this.#stepMs))
    const costs = new Float64Array(STEPS + 1)
    const best = new Uint16Array(STEPS + 1).fill(STEPS)
    for (let i = STEPS - 1; i >= 0; i--) {
      const from = i === 0 ? first : i + gap
      const to = i === 0 ? STEPS : Math.min(STEPS, from + MAX_WAIT_STEPS)
      let minCost = Number.POSITIVE_INFINITY
      const poll = worthMs * (1 - (ready[i] as number))
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

  /** How long an answer lies there, on average, under a plan. */
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

/** What the answers that come between two polls lie there for, until the second: times their share. */
function idleBetween(area: Float64Array, ready: readonly number[], i: number, j: number, stepMs: number): number {
  return (area[j] as number) - (area[i] as number) - (ready[i] as number) * (j - i) * stepMs
}
