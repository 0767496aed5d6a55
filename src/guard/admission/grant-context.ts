import type { BudgetClaim } from '../../ledger/ledger.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { Policy } from '../../policy/schema.js'
import type { Gate } from './gate.js'

/** What a solve needs of the grant that it is made under. */
export interface GrantContext {
  readonly policy: Policy
  readonly gate: Gate
  /** The way out, with what it takes to get through; `policy` has it without. */
  egressRoute(): Policy['egress']
  /**
   * The proxy that the service has to solve through, if there is one.
   * @throws DeniedError `PAGE_PROXY_CONFLICT`
   */
  pageProxy(): PageProxy | undefined
  readonly subject: string | undefined
  /** The budgets to draw on for a page of this origin, widest first, as they are now. */
  claims(origin: string, now: number): readonly BudgetClaim[]
  /** Their ids. */
  pathFor(origin: string): readonly string[]
  /** The same without those of an origin. */
  readonly path: readonly string[]
}
