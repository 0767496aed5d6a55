/** Durations, counted in steps of five percent: memory does not depend on how many there are. */
export class Histogram {
  #counts: Uint32Array | undefined
  #count = 0

  /** How many durations were added. */
  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    this.#counts ??= new Uint32Array(STEPS)
    const step = ms <= 1 ? 0 : Math.min(STEPS - 1, Math.ceil(Math.log(ms) / LOG_STEP))
    this.#counts[step] = (this.#counts[step] ?? 0) + 1
    this.#count++
  }

  /** The duration that a part of all do not exceed, ms, up to five percent too long; undefined where there is none. */
  quantile(part: number): number | undefined {
    if (this.#counts === undefined) return undefined
    let left = Math.max(1, Math.ceil(part * this.#count))
    for (let step = 0; step < STEPS; step++) {
      left -= this.#counts[step] ?? 0
      if (left <= 0) return Math.exp(step * LOG_STEP)
    }
    return undefined
  }
}

const LOG_STEP = Math.log(1.05)
/** Up to 24 hours. */
const STEPS = Math.ceil(Math.log(86_400_000) / LOG_STEP) + 1
