import type { FoundChallenge } from '../../widgets/widget.js'
import { solveAborted } from './page-errors.js'
import type { Outcome, WidgetResult } from './result.js'

interface InFlightSolve {
  readonly outcome: Promise<Outcome>
  readonly controller: AbortController
  /** How many calls still wait for it. */
  callers: number
}

const MAX_REMEMBERED = 1_000

/**
 * The solves in flight, by widget: two calls for one widget share one solve, and pay once. A solve continues for as
 * long as one of its callers wants it.
 */
export class InFlightSolves {
  readonly #inFlight = new Map<string, InFlightSolve>()
  /** By widget: the tick of its last solve, and how often it was solved again because its token had expired. */
  readonly #solved = new Map<string, { readonly at: number; readonly renewed: number }>()
  #ticks = 0

  /** A point in time, for `solvedSince`. Not a clock: a counter, so that no two are equal. */
  tick(): number {
    return ++this.#ticks
  }

  /** Whether a widget was solved after that tick: a scan from before it still shows the widget unanswered. */
  solvedSince(id: string, tick: number): boolean {
    return (this.#solved.get(id)?.at ?? 0) > tick
  }

  /** How often in a row a widget was solved again because its token had expired. */
  renewals(id: string): number {
    return this.#solved.get(id)?.renewed ?? 0
  }

  /**
   * Joins the solve of a widget, or starts it.
   * @returns the outcome, and whether this call started the solve
   */
  async joinOrStart(
    challenge: FoundChallenge,
    signal: AbortSignal | undefined,
    start: (abort: AbortSignal) => Promise<Outcome>,
  ): Promise<WidgetResult> {
    if (signal?.aborted) return { outcome: abortedOutcome(challenge), started: false }
    const known = this.#inFlight.get(challenge.id)
    const solve = known ?? this.#start(challenge, start)
    solve.callers++
    return { outcome: await this.#wait(solve, challenge, signal), started: !known }
  }

  /** Aborts all of them. */
  abort(): void {
    for (const { controller } of this.#inFlight.values()) controller.abort()
  }

  #start({ id, expired }: FoundChallenge, start: (abort: AbortSignal) => Promise<Outcome>): InFlightSolve {
    const controller = new AbortController()
    const ended = start(controller.signal).finally(() => this.#inFlight.delete(id))
    const solve: InFlightSolve = {
      outcome: ended.then((outcome) => {
        if (outcome.kind === 'solved') this.#remember(id, expired ? this.renewals(id) + 1 : 0)
        return outcome
      }),
      controller,
      callers: 0,
    }
    this.#inFlight.set(id, solve)
    return solve
  }

  #remember(id: string, renewed: number): void {
    this.#solved.delete(id)
    this.#solved.set(id, { at: this.tick(), renewed })
    if (this.#solved.size > MAX_REMEMBERED) {
      const [oldest] = this.#solved.keys()
      if (oldest !== undefined) this.#solved.delete(oldest)
    }
  }

  #wait(solve: InFlightSolve, challenge: FoundChallenge, signal: AbortSignal | undefined): Promise<Outcome> {
    if (!signal) return solve.outcome
    return new Promise((resolve, reject) => {
      const abort = () => {
        // The last caller aborts the solve, and still waits for its outcome.
        if (--solve.callers === 0) solve.controller.abort()
        else resolve(abortedOutcome(challenge))
      }
      signal.addEventListener('abort', abort, { once: true })
      solve.outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }
}

function abortedOutcome(challenge: FoundChallenge): Outcome {
  return { kind: 'failed', challenge, error: solveAborted() }
}
