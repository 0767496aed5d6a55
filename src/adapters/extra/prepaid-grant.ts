import { AsyncLocalStorage } from 'node:async_hooks'
import type { Grant, Solution } from '../../guard/types.js'

/**
 * A grant for callers that buy a solution first and put it in later: within `withSolution` a solve gives what it is handed and buys
 * nothing. Everything else is the grant's own.
 */
export function prepaidGrant(grant: Grant): {
  readonly grant: Grant
  withSolution<T>(solution: Solution, run: () => Promise<T>): Promise<T>
} {
  const handed = new AsyncLocalStorage<Solution>()
  return {
    withSolution: (solution, run) => handed.run(solution, run),
    grant: {
      policy: grant.policy,
      path: grant.path,
      solve(challenge, options) {
        const solution = handed.getStore()
        // What the browser works out by itself cannot be handed in.
        return solution && !options?.runProofOfWork ? Promise.resolve(solution) : grant.solve(challenge, options)
      },
      stream: (challenges, options) => grant.stream(challenges, options),
      narrow: (narrowing, options) => grant.narrow(narrowing, options),
      status: () => grant.status(),
      injected: (solution, outcome) => grant.injected(solution, outcome),
    },
  }
}
