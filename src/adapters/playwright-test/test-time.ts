/** What is used of Playwright's `testInfo`. */
export interface TimedTest {
  /** The timeout of the test, ms; 0: none. */
  readonly timeout: number
  /** The project that the test runs in. */
  readonly project: { readonly timeout: number }
  /** Sets the timeout of whatever runs now: the test, or a hook or fixture that has a timeout of its own. */
  setTimeout(timeout: number): void
}

/** What a hook or fixture with a timeout of its own gets at least, once something is solved in it. */
const LEAST_OWN_TIMEOUT_MS = 300_000

/**
 * Gives a test the time back that solves took: its timeout is longer by the time in which at least one solve was under
 * way. While one is, the timeout lies ahead of it by as much as that solve may take, so that it is not cut off when it
 * is paid for already.
 *
 * Playwright has the timeout of the test, and sets that of what runs now. In a hook or fixture that has a timeout of
 * its own, the two differ, and what it was before can be neither read nor kept: it gets at least five minutes.
 */
export class TestTime {
  readonly #test: TimedTest
  readonly #now: () => number
  /** When the solves under way have to have ended. */
  readonly #bounds = new Set<{ readonly until: number }>()
  /** The test's own timeout: without what was given back. */
  #own: number
  /** The timeout that was set last. */
  #set: number
  /** What was given back for the time before the last change, ms. */
  #givenBack = 0
  /** When a solve has begun or ended the last time. */
  #since = 0
  #ended = false

  /** @param now a monotonic clock, ms */
  constructor(test: TimedTest, now: () => number) {
    this.#test = test
    this.#now = now
    this.#own = test.timeout
    this.#set = test.timeout
  }

  /** Runs a solve whose time is given back, up to `boundMs`. */
  async giveBack<T>(boundMs: number, run: () => Promise<T>): Promise<T> {
    const end = this.begin(boundMs)
    try {
      return await run()
    } finally {
      end()
    }
  }

  /**
   * A solve begins.
   * @param boundMs the most that it may take
   * @returns the function to call when it ends
   */
  begin(boundMs: number): () => void {
    const bound = { until: this.#now() + boundMs }
    this.#change(() => this.#bounds.add(bound))
    return () => this.#change(() => this.#bounds.delete(bound))
  }

  /** The test's own function has ended: from now on, no timeout is changed. */
  end(): void {
    this.#ended = true
  }

  #change(run: () => void): void {
    this.#noticeChange()
    const now = this.#now()
    this.#givenBack += Math.max(0, Math.min(now, this.#until) - this.#since)
    this.#since = now
    run()
    this.#apply()
  }

  /** Until when the solves under way may take. */
  get #until(): number {
    return Math.max(0, ...[...this.#bounds].map(({ until }) => until))
  }

  /** What is given back, ms: for the past, and for what the solves under way may still take. */
  get #total(): number {
    return Math.ceil(this.#givenBack + Math.max(0, this.#until - this.#since))
  }

  /** The test itself may have called `test.setTimeout` or `test.slow`. */
  #noticeChange(): void {
    const { timeout } = this.#test
    if (timeout === this.#set) return
    // `test.slow` triples whatever the timeout is.
    if (timeout === 3 * this.#set) this.#own *= 3
    else this.#own = timeout
    this.#set = timeout
  }

  #apply(): void {
    // 0 is no timeout, and has to stay so.
    if (this.#ended || this.#own === 0) return
    const { project } = this.#test
    // What runs now may have used more of its own time than the test's timeout is: the longer one is set first.
    const longer = Math.max(LEAST_OWN_TIMEOUT_MS, project.timeout, this.#own) + this.#total
    this.#test.setTimeout(longer)
    if (this.#test.timeout === longer) this.#test.setTimeout(this.#own + this.#total)
    this.#set = this.#test.timeout
  }
}
