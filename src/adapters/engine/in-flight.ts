import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Outcome } from './result.js'

interface Running {
  readonly outcome: Promise<Outcome>
  readonly controller: AbortController
  /** How many calls still wait for it. */
  callers: number
}

const MOST_REMEMBERED = 1_000

/**
 * The solves under way, by widget: two calls for one widget share one solve, and pay once. It goes on for as long as one
 * of its callers wants it.
 */
export class Shared {
  readonly #running = new Map<string, Running>()
  /** When each was solved last, by the count; and how often it was because its token had expired. */
  readonly #solved = new Map<string, { readonly at: number; readonly renewed: number }>()
  #count = 0

  /** A moment, for `solvedSince`. */
  now(): number {
    return ++this.#count
  }

  /** Whether a widget was solved after that moment: whoever looked at the page before saw it unanswered. */
  solvedSince(id: string, moment: number): boolean {
    return (this.#solved.get(id)?.at ?? 0) > moment
  }

  /** How often a widget was solved anew because its token had expired, one after the other. */
  renewed(id: string): number {
    return this.#solved.get(id)?.renewed ?? 0
  }

  /**
   * Joins the solve of a widget, or begins it.
   * @returns the outcome, and whether this call is the one that began it
   */
  async run(
    challenge: FoundChallenge,
    signal: AbortSignal | undefined,
    begin: (abort: AbortSignal) => Promise<Outcome>,
  ): Promise<{ outcome: Outcome; own: boolean }> {
    if (signal?.aborted) return { outcome: aborted(challenge), own: false }
    const known = this.#running.get(challenge.id)
    const running = known ?? this.#begin(challenge, begin)
    running.callers++
    return { outcome: await this.#wait(running, challenge, signal), own: !known }
  }

  /** Aborts all of them. */
  abort(): void {
    for (const { controller } of this.#running.values()) controller.abort()
  }

  #begin({ id, expired }: FoundChallenge, begin: (abort: AbortSignal) => Promise<Outcome>): Running {
    const controller = new AbortController()
    const outcome = begin(controller.signal).finally(() => this.#running.delete(id))
    const running: Running = {
      outcome: outcome.then((end) => {
        if (end.kind === 'solved') this.#remember(id, expired ? this.renewed(id) + 1 : 0)
        return end
      }),
      controller,
      callers: 0,
    }
    this.#running.set(id, running)
    return running
  }

  #remember(id: string, renewed: number): void {
    this.#solved.delete(id)
    this.#solved.set(id, { at: ++this.#count, renewed })
    if (this.#solved.size > MOST_REMEMBERED) {
      const [oldest] = this.#solved.keys()
      if (oldest !== undefined) this.#solved.delete(oldest)
    }
  }

  #wait(running: Running, challenge: FoundChallenge, signal: AbortSignal | undefined): Promise<Outcome> {
    if (!signal) return running.outcome
    return new Promise((resolve, reject) => {
      const abort = () => {
        // The last one to go turns off the light; it still waits for the end, to tell what became of it.
        if (--running.callers === 0) running.controller.abort()
        else resolve(aborted(challenge))
      }
      signal.addEventListener('abort', abort, { once: true })
      running.outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }
}

function aborted(challenge: FoundChallenge): Outcome {
  const error = new SolveguardError('SOLVE_ABORTED', 'The solve was aborted through its signal.')
  return { kind: 'failed', challenge, error }
}
