import type { BudgetClaim, FactName } from '../../ledger/ledger.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { Policy } from '../../policy/schema.js'
import type { Gate } from './gate.js'

/** What a solve needs from the grant that it runs under. */
export interface GrantContext {
  readonly policy: Policy
  readonly gate: Gate
  /** The egress with the proxies' passwords; in `policy` they are masked. */
  egressRoute(): Policy['egress']
  /**
   * The proxy that the service must solve through, if the policy names one.
   * @throws DeniedError `PAGE_PROXY_CONFLICT`
   */
  pageProxy(): PageProxy | undefined
  /** Whom the grant was given to, and whom the grants above it, widest first. */
  readonly subjects: readonly string[]
  /** The facts that forbid its solves: a revoked or paused token, a paused subject. */
  readonly unless: readonly FactName[] | undefined
  /** The current budgets that a solve on a page of this origin draws on, widest first. */
  claims(origin: string, now: number): readonly BudgetClaim[]
  /** The ids of these budgets. */
  pathFor(origin: string): readonly string[]
  /** The ids without the budget of an origin. */
  readonly path: readonly string[]
}
