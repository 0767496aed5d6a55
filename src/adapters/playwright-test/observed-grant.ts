import { DeniedError } from '../../base/errors.js'
import type { Grant } from '../../guard/types.js'

/** What a test wants to know of its grant. */
export interface GrantObserver {
  /** Runs a solve. */
  solving<T>(run: () => Promise<T>): Promise<T>
  /** The grant was asked to spend something. */
  used(): void
}

const OWN_BUDGET = 'The budget of this test (captchaPolicy)'
const WITHOUT_KEY =
  'Pull requests from forks get no secrets: `withoutKey` in captchaGuardOptions says what a suite does then.'

/** A test's grant: its solves are observed, and its denials are worded for the reader of a test's report. */
export function observedGrant(grant: Grant, observer: GrantObserver): Grant {
  return {
    policy: grant.policy,
    path: grant.path,
    async solve(challenge, options) {
      observer.used()
      try {
        return await observer.solving(() => grant.solve(challenge, options))
      } catch (error) {
        throw worded(error, grant)
      }
    },
    stream(challenges, options) {
      observer.used()
      return grant.stream(challenges, options)
    },
    explain: (challengeOrUrl, options) => grant.explain(challengeOrUrl, options),
    narrow: (narrowing, options) => observedGrant(grant.narrow(narrowing, options), observer),
    status: () => grant.status(),
    originDenial: (what, address) => grant.originDenial(what, address),
    denyUnnamed: (pageUrl, frameUrl) => grant.denyUnnamed(pageUrl, frameUrl),
    injected: (solution, outcome) => grant.injected(solution, outcome),
  }
}

function worded(error: unknown, { path }: Grant): unknown {
  if (!(error instanceof DeniedError)) return error
  const message = wordedMessage(error, path[1])
  if (message === error.message) return error
  const { code, cause, details, retryAt } = error
  return new DeniedError(code, message, { cause, ...(details && { details }), ...(retryAt && { retryAt }) })
}

/** @param own the id of the test's own budget, which has a random name */
function wordedMessage({ code, message }: DeniedError, own: string | undefined): string {
  if (code === 'SECRET_MISSING') return `${message} ${WITHOUT_KEY}`
  return own === undefined ? message : message.replace(`Budget '${own}'`, OWN_BUDGET)
}
