/** One measured figure. Each benchmark gives a list of them; `npm run bench` prints them as one table. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it is measured against, and that one's figure in the same unit. */
  readonly against?: string
  readonly baseline?: number
  /** `value / baseline`. */
  readonly ratio?: number
  /** What it has to be, in words. */
  readonly target?: string
  readonly ok?: boolean
}
