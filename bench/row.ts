/** One measured figure. Each benchmark returns a list of them; `npm run bench` prints them as a table. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it is compared with. */
  readonly against?: string
  /** The figure of that, in the same unit. */
  readonly baseline?: number
  /** `value / baseline`. */
  readonly ratio?: number
  /** The target, as text: `≤ 10 µs`. */
  readonly target?: string
  /** Whether it reaches the target. */
  readonly ok?: boolean
}
