import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Outcome } from './result.js'

interface InFlightSolve {
  readonly outcome: Promise<Outcome>
  readonly controller: AbortController
  /** How many calls still wait for it. */
  callers: number
}

const MAX_REMEMBERED = 1_000

/**
 * The solves under way, by widget: two calls for one widget share one solve, and pay once. It goes on for as long as one
 * of its callers wants it.
 */
export class InFlightSolves {
  readonly #inFlight = new Map<string, InFlightSolve>()
  /** When each was solved last, by the count; and how often it was because its token had expired. */
  readonly #solved = new Map<string, { readonly at: number; readonly renewals: number }>()
  #ticks = 0

  /** A moment, for `solvedSince`. */
  tick(): number {
    return ++this.#ticks
  }

  /** Whether a widget was solved after that moment: whoever looked at the page before saw it unanswered. */
  solvedSince(id: string, moment: number): boolean {
    return (this.#solved.get(id)?.at ?? 0) > moment
  }

  /** How often a widget was solved anew because its token had expired, one after the other. */
  renewals(id: string): number {
    return this.#solved.get(id)?.renewals ?? 0
  }

  /**
   * Joins the solve of a widget, or begins it.
   * @returns the outcome, and whether this call is the one that began it
   */
  async joinOrStart(
    challenge: FoundChallenge,
    signal: AbortSignal | undefined,
    begin: (abort: AbortSignal) => Promise<Outcome>,
  ): Promise<{ outcome: Outcome; started: boolean }> {
    if (signal?.aborted) return { outcome: abortedOutcome(challenge), started: false }
    const known = this.#inFlight.get(challenge.id)
    const running = known ?? this.#start(challenge, begin)
    running.callers++
    return { outcome: await this.#wait(running, challenge, signal), started: !known }
  }

  /** Aborts all of them. */
  abort(): void {
    for (const { controller } of this.#inFlight.values()) controller.abort()
  }

  #start({ id, expired }: FoundChallenge, begin: (abort: AbortSignal) => Promise<Outcome>): InFlightSolve {
    const controller = new AbortController()
    const outcome = begin(controller.signal).finally(() => this.#inFlight.delete(id))
    const running: InFlightSolve = {
      outcome: outcome.then((end) => {
        if (end.kind === 'solved') this.#remember(id, expired ? this.renewals(id) + 1 : 0)
        return end
      }),
      controller,
      callers: 0,
    }
    this.#inFlight.set(id, running)
    return running
  }

  #remember(id: string, renewed: number): void {
    this.#solved.delete(id)
    this.#solved.set(id, { at: ++this.#ticks, renewals: renewed })
    if (this.#solved.size > MAX_REMEMBERED) {
      const [oldest] = this.#solved.keys()
      if (oldest !== undefined) this.#solved.delete(oldest)
    }
  }

  #wait(running: InFlightSolve, challenge: FoundChallenge, signal: AbortSignal | undefined): Promise<Outcome> {
    if (!signal) return running.outcome
    return new Promise((resolve, reject) => {
      const abort = () => {
        // The last one to go turns off the light; it still waits for the end, to tell what became of it.
        if (--running.callers === 0) running.controller.abort()
        else resolve(abortedOutcome(challenge))
      }
      signal.addEventListener('abort', abort, { once: true })
      running.outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }
}

function abortedOutcome(challenge: FoundChallenge): Outcome {
  const error = new SolveguardError('SOLVE_ABORTED', 'The solve was aborted through its signal.')
  return { kind: 'failed', challenge, error }
}
