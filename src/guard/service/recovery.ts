import { createHash } from 'node:crypto'
import type { Family } from '../../base/challenge.js'
import { messageOf, SolveguardError } from '../../base/errors.js'
import type { ClaimedTask } from '../../ledger/ledger.js'
import { parsePageProxy } from '../../policy/page-proxy.js'
import type { Policy } from '../../policy/schema.js'
import { proxySecrets } from '../../solvers/page-proxy.js'
import type { Account } from '../accounts/account.js'
import type { Gate } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { closed } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, Notifier, Registration } from '../ports.js'
import type { SolverClient } from './client.js'
import type { SolverTask, TaskOutcome } from './solver-task.js'

/** The fields that are needed to follow a task. */
type OrphanedTask = Pick<ClaimedTask, 'reservationId' | 'taskId' | 'keyVersion' | 'family' | 'amount' | 'path'>

/** How many orphaned tasks a process follows at a time. */
const MAX_CONCURRENT = 20
/** How long a claimed task is polled, in ms. After that it is settled at its reserved amount. */
const FOLLOW_FOR_MS = 180_000
/** How many other egress routes a process remembers at a time. */
const MAX_ROUTES = 1_000

/** How a task is followed. */
export interface FollowOptions {
  /** The egress route of its calls. */
  readonly egress: Policy['egress']
  /** Values to mask if a service repeats them: passwords of page proxies. */
  readonly hidden: readonly string[]
}

/** How a recovered task ended. */
export interface RecoveredTask {
  readonly outcome: TaskOutcome
  /** When a poll last found the task not ready; wall-clock ms. */
  readonly notReadyAt: number | undefined
  /** The task: a report on the answer uses its account, key and transport. */
  readonly task: SolverTask
}

/** What the recovery needs from the guard. */
export interface RecoveryDeps
  extends GuardContext,
    Pick<Notifier, 'alert' | 'emit'>,
    Pick<Registration, 'registerLease'> {
  readonly accounts: readonly Account[]
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'head'>
  readonly keyRegistry: Pick<KeyRegistry, 'track' | 'untrack'>
}

/**
 * Recovers orphaned tasks, which processes left unsettled when they died. Polls the service for the outcome of each,
 * and settles it at its cost. The solution is dropped, unless a batch reattaches to the task meanwhile.
 */
export class Recovery {
  readonly #deps: RecoveryDeps
  readonly #client: SolverClient
  readonly #ownRoute: FollowOptions
  /** Other egress routes, of grants of this process, by name. */
  readonly #otherRoutes = new Map<string, FollowOptions>()
  readonly #routeNames = new WeakMap<Policy['egress'], string>()
  readonly #ownRouteName: string
  readonly #gate: Gate
  /** By reservation id. */
  readonly #flows = new Map<string, Promise<RecoveredTask>>()
  readonly #tasks = new Set<SolverTask>()

  constructor(deps: RecoveryDeps, client: SolverClient, policy: Policy, gate: Gate) {
    this.#deps = deps
    this.#client = client
    this.#ownRoute = { egress: policy.egress, hidden: policy.pageProxies.flatMap(passwordsIn) }
    this.#ownRouteName = routeNameOf(policy.egress)
    this.#gate = gate
  }

  /**
   * The name of a grant's egress route, or undefined if it is the guard's own. A task that was submitted by another
   * route is recovered only by a process that has a grant with the same route, and only by that route.
   */
  egressRoute(grant: GrantContext): string | undefined {
    const egress = grant.egressRoute()
    if (egress === this.#ownRoute.egress) return undefined
    const name = this.#routeNames.get(egress) ?? routeNameOf(egress)
    this.#routeNames.set(egress, name)
    if (name === this.#ownRouteName) return undefined
    if (!this.#otherRoutes.has(name)) {
      if (this.#otherRoutes.size >= MAX_ROUTES) this.#otherRoutes.clear()
      this.#otherRoutes.set(name, { egress, hidden: proxySecrets(grant.pageProxy()) })
    }
    return name
  }

  /**
   * Claims orphaned tasks, and follows them. Called at intervals. Costs one ledger call for each account if there are
   * none.
   */
  async claimOrphans(): Promise<void> {
    for (const account of this.#deps.accounts) await this.#claimFor(account)
  }

  async #claimFor(account: Account): Promise<void> {
    const { ledger, ownerId, name, clock } = this.#deps
    const limit = MAX_CONCURRENT - this.#flows.size
    if (limit <= 0 || this.#deps.closed) return
    const request = {
      ownerId,
      solver: account.name,
      budgetId: name,
      limit,
      egressRoutes: [...this.#otherRoutes.keys()],
    }
    const claimed = await ledger.claim(request, clock.now())
    // A claim alone expires: while this process lives, no other takes the tasks over.
    if (claimed.length > 0) await this.#deps.registerLease()
    for (const task of claimed) {
      // A claim expires: this process may claim again a task that it already follows.
      const { reservationId } = task
      if (this.#flows.has(reservationId)) continue
      const options = task.egressRoute === undefined ? this.#ownRoute : this.#otherRoutes.get(task.egressRoute)
      if (!options) continue
      this.#begin(account, task, options).catch((error) =>
        this.#deps.alert(
          error instanceof SolveguardError ? error.code : 'LEDGER_UNAVAILABLE',
          `An orphaned task is not settled yet: ${messageOf(error)}`,
        ),
      )
    }
  }

  /**
   * The outcome of a task that another process submitted before it died or closed. Follows the task with the given
   * options, unless it is followed already, and settles it, unless another process has.
   */
  async recover(account: Account, task: OrphanedTask, options: FollowOptions): Promise<RecoveredTask> {
    if (this.#deps.closed) throw closed()
    return this.#flows.get(task.reservationId) ?? this.#begin(account, task, options)
  }

  #begin(account: Account, task: OrphanedTask, options: FollowOptions): Promise<RecoveredTask> {
    const { reservationId } = task
    const flow = this.#follow(account, task, options).finally(() => this.#flows.delete(reservationId))
    this.#flows.set(reservationId, flow)
    return flow
  }

  /** The number of tasks that it follows. */
  get following(): number {
    return this.#flows.size
  }

  /** Stops following. Unsettled tasks are left to the next process. */
  async close(): Promise<void> {
    for (const { wake } of this.#tasks) wake?.()
    await Promise.allSettled(this.#flows.values())
  }

  async #follow(account: Account, task: OrphanedTask, { egress, hidden }: FollowOptions): Promise<RecoveredTask> {
    const { clock, recorder } = this.#deps
    const solverTask: SolverTask = {
      id: task.reservationId.replace(/\.\d+$/, ''),
      gate: this.#gate,
      hidden,
      account,
      transport: account.transport(egress),
      fallbackAfterMs: undefined,
      // A process of this guard wrote it to the ledger, with `attachTask`.
      family: task.family as Family,
      variant: undefined,
      amount: task.amount,
      key: account.keys.version(await account.secrets.get(), task.keyVersion),
      sentInEpoch: 0,
      deadlineAt: Number.POSITIVE_INFINITY,
      reservationExpiresAt: clock.now() + FOLLOW_FOR_MS,
      mayBeCharged: true,
      abandoned: true,
      wake: undefined,
      // Its call-back notifies the process that submitted it.
      callback: undefined,
      isRepeated: false,
      lastFailure: undefined,
      pausing: undefined,
      notReadyAt: undefined,
    }
    await solverTask.transport.verify()
    this.#tasks.add(solverTask)
    this.#deps.keyRegistry.track(solverTask)
    const outcome = await this.#client.follow(solverTask, task.taskId, false).finally(() => {
      this.#tasks.delete(solverTask)
      this.#deps.keyRegistry.untrack(solverTask)
    })
    const recovered = { outcome, notReadyAt: solverTask.notReadyAt, task: solverTask }
    if (outcome.kind === 'detached') return recovered
    const now = clock.now()
    // Recorded before it is settled, as every outcome. Without a record the reservation stays open.
    await recorder.writeOrDeny({
      action: 'recovered',
      at: now,
      guard: this.#deps.name,
      solveId: solverTask.id,
      path: task.path,
      family: task.family,
      solver: account.name,
      taskId: task.taskId,
      keyVersion: solverTask.key.version,
      keyFingerprint: solverTask.key.value.fingerprint,
      egress: solverTask.transport.route,
      reserved: task.amount,
      cost: outcome.cost,
      code: outcome.kind === 'failed' ? outcome.error.code : undefined,
    })
    // Another process settled it first, and has recorded it too.
    if (!(await this.#settle(task, outcome, now))) return recovered
    const event = {
      taskId: task.taskId,
      family: task.family,
      solver: account.name,
      cost: outcome.cost,
      at: new Date(now),
    }
    this.#deps.emit('recovered', event, 'settled an orphaned task')
    return recovered
  }

  /** @returns whether this call settled it; false if it was settled before */
  async #settle(
    { reservationId }: OrphanedTask,
    outcome: Exclude<TaskOutcome, { kind: 'detached' }>,
    now: number,
  ): Promise<boolean> {
    const { cost, kind } = outcome
    const { ledger, recorder } = this.#deps
    try {
      return (
        await ledger.settle({ reservationId, cost, unsure: kind === 'failed' && cost > 0, head: recorder.head }, now)
      ).settled
    } catch (error) {
      throw new SolveguardError('LEDGER_UNAVAILABLE', `The ledger did not answer: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}

/** A digest of a route. Without the credentials of proxies, because the name is stored in the ledger. */
function routeNameOf({ proxies, localAddresses, expected }: Policy['egress']): string {
  const bare = proxies.map((proxy) => new URL(proxy)).map(({ protocol, host }) => `${protocol}//${host}`)
  return createHash('sha256')
    .update(JSON.stringify([bare, localAddresses, expected]))
    .digest('hex')
    .slice(0, 16)
}

function passwordsIn(pageProxy: string): readonly string[] {
  const parsed = parsePageProxy(pageProxy)
  return 'problem' in parsed ? [] : proxySecrets(parsed)
}
