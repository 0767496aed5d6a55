import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'
import { solveAborted } from './page-errors.js'

/**
 * Asks the site's server for a new GeeTest v3 `challenge`: the page's own widget uses up the one that it was given.
 * Called before anything is reserved, once for each solve; it has 10 seconds. Other fields of the result are ignored,
 * so it may be the server's whole reply.
 *
 * @param page the tool's own page
 * @param found the widget that is about to be solved
 * @example
 * const geetestChallenge = (page) => page.evaluate(() => fetch('/geetest/register').then((reply) => reply.json()))
 */
export type GeetestChallengeProvider<P> = (page: P, found: FoundChallenge) => Promise<{ readonly challenge: string }>

const PROVIDER_TIMEOUT_MS = 10_000
const CHALLENGE = /^[\w-]{1,256}$/

/** Returns a widget with the challenge to solve it with. */
export type RefreshChallenge = (found: FoundChallenge, page: DriverPage, signal: AbortSignal) => Promise<FoundChallenge>

/**
 * Gets a new challenge for GeeTest v3 from the user's provider, if there is one.
 *
 * @param nativePage the tool's own page, for the engine's view of it
 * @returns a function that throws SolveguardError `CHALLENGE_INVALID` if the provider returns no valid challenge,
 *   `SOLVE_ABORTED`
 */
export function challengeRefresher<P>(
  provider: GeetestChallengeProvider<P> | undefined,
  nativePage: (page: DriverPage) => P | undefined,
  clock: Clock,
): RefreshChallenge {
  return async (found, view, signal) => {
    const page = nativePage(view)
    if (!provider || page === undefined || found.family !== 'geetest' || found.variant !== 'v3') return found
    if (signal.aborted) throw solveAborted()
    const reply = await withTimeout(
      // The provider's error may hold what the page returned, which must not be in ours.
      Promise.resolve()
        .then(() => provider(page, found))
        .catch(() => Promise.reject(invalidChallenge('threw an error'))),
      {
        clock,
        ms: PROVIDER_TIMEOUT_MS,
        error: () => invalidChallenge('did not settle within 10 seconds'),
        signal,
        abortError: solveAborted,
      },
    )
    const challenge = challengeIn(reply)
    if (challenge === undefined) throw invalidChallenge('returned no { challenge } of 1 to 256 letters, digits and _ -')
    return { ...found, challenge }
  }
}

function challengeIn(reply: unknown): string | undefined {
  try {
    const challenge = (reply as { challenge?: unknown } | null | undefined)?.challenge
    return typeof challenge === 'string' && CHALLENGE.test(challenge) ? challenge : undefined
  } catch {
    return undefined
  }
}

function invalidChallenge(what: string): SolveguardError {
  return new SolveguardError('CHALLENGE_INVALID', `The option geetestChallenge ${what}; nothing was spent.`)
}
