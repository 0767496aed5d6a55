import type { AbortWatch } from '../base/abort.js'
import type { MaybePromise } from '../base/async.js'
import type { AnyChallenge, ChallengeFacts } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import type { Fact, NewFact } from '../ledger/ledger.js'
import type { ServiceName } from '../wires/services.js'
import type { CallbackReceiver } from './callbacks/receive.js'
import { ledgerDown } from './errors.js'
import { PolicyGrant } from './grant.js'
import type { GuardContext } from './ports.js'
import type { Recovery } from './service/recovery.js'
import type { SubmitObserver } from './service/solver-task.js'
import type { SolvePipeline } from './solve/pipeline.js'
import { type ReattachDeps, reattach, type StoredTask } from './streams/reattach.js'
import type { TokenPurpose } from './tokens/tokens.js'
import type { BudgetStatus, Grant, Guard, Solution } from './types.js'

export { MAX_FACT_LENGTH } from '../ledger/facts.js'
export { type CallbackReceiver, discardBody } from './callbacks/receive.js'
export type { SubmitObserver, SubmittedTask } from './service/solver-task.js'
export type { StoredTask } from './streams/reattach.js'
export { shortPath, wholePath } from './streams/stored-path.js'
export type { TokenPurpose } from './tokens/tokens.js'

/** How a hosted solve runs. */
export interface HostedSolve {
  readonly signal?: AbortWatch | undefined
  /** How long it may queue for rate and slots, in ms; in place of `policy.budget.wait`. */
  readonly waitMs: number
  /**
   * `begin` is called when all layers have allowed the solve and the audit log has it, before the service is called;
   * again at each further attempt.
   */
  readonly observer: SubmitObserver
}

/** What a broker takes of a guard besides its grants: solves of which it sees the steps, and facts of the ledger. */
export interface TaskHost extends Pick<GuardContext, 'name' | 'clock' | 'ownerId' | 'closed'> {
  /** The name of the service that is asked first. */
  readonly service: string
  /** Takes the call-backs of the services, where the guard asks for them. */
  readonly callbacks: CallbackReceiver | undefined
  /**
   * The grant that a token or a handle stands for.
   * @throws as `Guard.verifyToken`
   */
  verify(token: string, purpose: TokenPurpose): MaybePromise<Grant>
  /** The service whose dialect a token's clients speak, where the token states one. */
  wire(grant: Grant): ServiceName | undefined
  /**
   * Revokes the last link of the token that a grant stands for.
   * @throws as `Guard.revokeToken`
   */
  revoke(grant: Grant): Promise<void>
  /**
   * The state of a grant's own budget: one ledger operation.
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   */
  budget(grant: Grant): Promise<BudgetStatus>
  /** @throws as `Grant.solve` */
  solve(grant: Grant, challenge: AnyChallenge, options: HostedSolve): Promise<Solution>
  /**
   * The solution of a task that another process submitted. Buys nothing.
   * @returns undefined if the answer is no longer available
   * @throws SolveguardError why the task has failed, or why its outcome is unknown
   */
  reattach(grant: Grant, challenge: ChallengeFacts, task: StoredTask): Promise<Solution | undefined>
  /** As `Ledger.setFact`. */
  setFact(fact: NewFact): MaybePromise<string>
  /** As `Ledger.listFacts`. */
  listFacts(scope: string): MaybePromise<readonly Fact[]>
  /** Work that no caller waits for. A failure raises an alert. */
  background(work: () => MaybePromise<unknown>): void
}

/** What a host is made of. */
interface HostDeps extends ReattachDeps, GuardContext {
  background(work: () => MaybePromise<unknown>, code: 'LEDGER_UNAVAILABLE'): unknown
}

const HOSTS = new WeakMap<Guard, TaskHost>()

/** Makes the host of a new guard. */
export function addHost(
  guard: Guard & { verifyFor: TaskHost['verify'] },
  deps: HostDeps,
  pipeline: Pick<SolvePipeline, 'solve'>,
  recovery: Pick<Recovery, 'recover'>,
  callbacks: CallbackReceiver | undefined,
): void {
  HOSTS.set(guard, {
    name: deps.name,
    clock: deps.clock,
    ownerId: deps.ownerId,
    get closed() {
      return deps.closed
    },
    service: deps.accounts[0]?.solver.name ?? '',
    callbacks,
    verify: (token, purpose) => guard.verifyFor(token, purpose),
    wire: (grant) => contextOf(grant).wire,
    revoke: async (grant) => {
      const { id } = contextOf(grant).links.at(-1) ?? {}
      if (id !== undefined) await guard.revokeToken(id)
    },
    budget: async (grant) => {
      const context = contextOf(grant)
      return context.budgetStatus().catch((error) => Promise.reject(ledgerDown(error)))
    },
    solve: async (grant, challenge, { signal, waitMs, observer }) =>
      pipeline.solve(contextOf(grant), challenge, { signal, waitMs }, observer),
    // What was submitted in time is followed to its end, whatever the time is now.
    reattach: async (grant, challenge, task) => {
      const context = contextOf(grant)
      return reattach(deps, recovery, context, context.gate.admitPage(challenge), challenge, task, undefined)
    },
    setFact: (fact) => deps.ledger.setFact(fact, deps.clock.now()),
    listFacts: (scope) => deps.ledger.listFacts(scope, deps.clock.now()),
    background: (work) => void deps.background(work, 'LEDGER_UNAVAILABLE'),
  })
}

/**
 * The host of a guard.
 * @throws SolveguardError `CONFIG_INVALID` for anything but a guard of `createGuard` with a solver of its own
 */
export function hostOf(guard: Guard): TaskHost {
  const host = HOSTS.get(guard)
  if (host) return host
  throw new SolveguardError('CONFIG_INVALID', 'guard: expected a guard of createGuard() that holds the key itself.')
}

function contextOf(grant: Grant): PolicyGrant {
  if (grant instanceof PolicyGrant) return grant
  throw new SolveguardError('CONFIG_INVALID', 'grant: expected a grant of this guard.')
}
