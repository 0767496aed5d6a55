import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'

/**
 * How to ask the site's server for another GeeTest v3 `challenge`: the page's own widget uses up the one that it was given. Asked
 * before anything is reserved, once for each solve; has ten seconds. Whatever else is in its answer is of no consequence, so it may
 * be the server's whole reply.
 *
 * @param page the tool's own page
 * @param found the widget that is about to be solved
 * @example
 * const geetestChallenge = (page) => page.evaluate(() => fetch('/geetest/register').then((reply) => reply.json()))
 */
export type GeetestChallengeProvider<P> = (page: P, found: FoundChallenge) => Promise<{ readonly challenge: string }>

const PROVIDER_TIMEOUT_MS = 10_000
const CHALLENGE = /^[\w-]{1,256}$/

/** Gives a widget the challenge that it is to be solved with. */
export type RefreshChallenge = (found: FoundChallenge, page: DriverPage, signal: AbortSignal) => Promise<FoundChallenge>

/**
 * Asks for a fresh challenge where the page has used up its own.
 * @param native the tool's own page, by our view of it
 * @returns a function that throws SolveguardError `CHALLENGE_INVALID` if nothing came, or nothing that makes sense; `SOLVE_ABORTED`
 */
export function challengeRefresher<P>(
  ask: GeetestChallengeProvider<P> | undefined,
  native: (page: DriverPage) => P | undefined,
  clock: Clock,
): RefreshChallenge {
  return async (found, view, signal) => {
    const page = native(view)
    if (!ask || page === undefined || found.family !== 'geetest' || found.variant !== 'v3') return found
    const challenge = challengeIn(await within(clock, signal, () => ask(page, found)))
    if (challenge === undefined) throw invalidChallenge('gave no { challenge } of 1 to 256 letters, digits and _ -')
    return { ...found, challenge }
  }
}

function within(clock: Clock, signal: AbortSignal, ask: () => Promise<unknown>): Promise<unknown> {
  return new Promise<unknown>((resolve, reject) => {
    const end = (settle: () => void) => {
      cancel()
      signal.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => end(() => reject(new SolveguardError('SOLVE_ABORTED', 'The solve was aborted.')))
    const cancel = clock.after(PROVIDER_TIMEOUT_MS, () =>
      end(() => reject(invalidChallenge('did not answer within ten seconds'))),
    )
    signal.addEventListener('abort', abort)
    if (signal.aborted) return abort()
    // Its error may hold what the page said, which is nobody's business here.
    Promise.resolve()
      .then(ask)
      .then(
        (value) => end(() => resolve(value)),
        () => end(() => reject(invalidChallenge('threw an error'))),
      )
  })
}

function challengeIn(said: unknown): string | undefined {
  try {
    const challenge = (said as { challenge?: unknown } | null | undefined)?.challenge
    return typeof challenge === 'string' && CHALLENGE.test(challenge) ? challenge : undefined
  } catch {
    return undefined
  }
}

function invalidChallenge(what: string): SolveguardError {
  return new SolveguardError('CHALLENGE_INVALID', `The option geetestChallenge ${what}; nothing was spent.`)
}
