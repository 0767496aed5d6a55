import { AsyncLocalStorage } from 'node:async_hooks'
import type { Grant, Solution } from '../../guard/types.js'

/** A grant, and the calls in which it is paid for already. */
export interface PrepaidGrant {
  readonly grant: Grant
  /** Runs a function in which the grant's `solve` returns this solution and buys nothing. */
  withSolution<T>(solution: Solution, run: () => Promise<T>): Promise<T>
}

/**
 * Wraps a grant for callers that buy a solution first and inject it later. Outside of `withSolution`, and for all other
 * methods, it behaves as the grant itself.
 */
export function prepaidGrant(grant: Grant): PrepaidGrant {
  const prepaid = new AsyncLocalStorage<Solution>()
  return {
    withSolution: (solution, run) => prepaid.run(solution, run),
    grant: {
      policy: grant.policy,
      path: grant.path,
      solve(challenge, options) {
        const solution = prepaid.getStore()
        // A proof of work is the browser's own, and is never bought.
        return solution && !options?.runProofOfWork ? Promise.resolve(solution) : grant.solve(challenge, options)
      },
      stream: (challenges, options) => grant.stream(challenges, options),
      explain: (challengeOrUrl, options) => grant.explain(challengeOrUrl, options),
      narrow: (narrowing, options) => grant.narrow(narrowing, options),
      status: () => grant.status(),
      originDenial: (what, address) => grant.originDenial(what, address),
      denyUnnamed: (pageUrl, frameUrl) => grant.denyUnnamed(pageUrl, frameUrl),
      injected: (solution, outcome) => grant.injected(solution, outcome),
    },
  }
}
