import type { ChallengeFacts, Family } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { BudgetClaim } from '../../ledger/ledger.js'
import type { Money } from '../../policy/money.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { Policy } from '../../policy/schema.js'
import type { Price } from '../../solvers/solver.js'
import type { AdmittedPage, Gate } from '../admission/gate.js'
import type { SolverTask } from '../service/client.js'

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

/** A task that the service has taken: all that is needed to ask for its answer again. */
export interface SubmittedTask {
  /** The account. */
  readonly solver: string
  readonly taskId: string
  readonly keyVersion: string
  readonly family: Family
  /** What it was reserved as, and how much. */
  readonly reservationId: string
  readonly amount: Money
  readonly path: readonly string[]
}

/** Who wants to know which task the service has for a solve. */
export interface SubmitObserver {
  /** From here on the service may take one. */
  begin(): void
  /** It has taken one, which is not asked for before this has settled. Never rejects. */
  onSubmitted(task: SubmittedTask): Promise<void>
  /** It takes none any more. */
  end(): void
}

/** One solve under way. */
export interface Job extends SolverTask {
  readonly grant: GrantContext
  /** Without pictures: they are large, and whoever keeps a solution keeps its job. */
  readonly challenge: ChallengeFacts
  readonly admitted: AdmittedPage
  price: Price
  /** Which of the guard's accounts it is taken to now. */
  index: number
  /** An account that only had no room, and may be asked again when the others could not take it. */
  busyIndex: number | undefined
  /** Why accounts were passed over, in order. */
  readonly rejectedAccounts: SolveguardError[]
  /** Whoever came before in this process has a smaller one. */
  readonly ticket: number
  /** Monotonic ms. */
  readonly startedAt: number
  readonly deadlineAt: number
  attempt: number
  /** Whether something was spent on it, or may have been. */
  spent: boolean
  /** How often it was reserved for, whatever came of it. */
  reservations: number
  reservationId: string
  taskId: string
  readonly submitObserver: SubmitObserver | undefined
  /** Answers the caller with an error, unless it was answered already. */
  reject: (error: unknown) => void
  /** The load of the page that it is for; until it has ended. */
  pageLoad: object | undefined
  /** Lets go of the deadline and of the caller's signal. */
  release: () => void
  /** Settles when all is accounted for. Absent until the first step that has to be waited for. */
  flow: Promise<void> | undefined
}

/** The ids of the budgets that a solve draws on: those of its grant, and those of the account. */
export function budgetIdsOf({ grant, admitted, account, key }: Job): readonly string[] {
  const ids = grant.pathFor(admitted.origin)
  const own = account.ownBudgetIds(key)
  return own.length > 0 ? [...ids, ...own] : ids
}
