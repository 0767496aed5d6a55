import type { ChallengeFacts } from '../../base/challenge.js'
import type { Code } from '../../base/errors.js'
import { proxySecrets } from '../../solvers/page-proxy.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import type { Account } from '../accounts/account.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { aborted, closed } from '../errors.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext } from '../ports.js'
import type { RecoveredTask, Recovery } from '../service/recovery.js'
import type { SubmittedTask } from '../service/solver-task.js'
import { type AuditEventDeps, auditEvent } from '../solve/audit-event.js'
import { RedactedSolution } from '../solve/solution.js'
import type { Solution } from '../types.js'
import type { KnownItem } from './batch.js'

/** An item whose task was submitted, and whose outcome is not stored. */
export type SubmittedItem = Extract<KnownItem, { state: 'submitted' }>

/** A task that another process submitted, and when that was stored: wall-clock ms. */
export interface StoredTask extends SubmittedTask {
  readonly at: number
}

/** Codes that leave the outcome of a task unknown: it may be solved, so it must not be bought a second time. */
export const OUTCOME_UNKNOWN: ReadonlySet<Code> = new Set<Code>([
  'SOLVER_BUSY',
  'SOLVER_UNREACHABLE',
  'SOLVER_REPLY_INVALID',
  'SOLVE_TIMEOUT',
  'KEY_REFUSED',
  'ADDRESS_REFUSED',
  'SECRET_UNAVAILABLE',
])
/** Codes with which the service states that the task has failed: the item has ended. */
export const NO_ANSWER: ReadonlySet<Code> = new Set<Code>(['CAPTCHA_UNSOLVABLE', 'PAGE_PROXY_FAILED'])

/** What reattaching needs from the guard. */
export interface ReattachDeps extends AuditEventDeps, Pick<GuardContext, 'closed'> {
  readonly accounts: readonly Account[]
  readonly recorder: Pick<Recorder, 'write'>
}

/**
 * The solution of a task that another process submitted. Polls the service, which keeps answers for some minutes. Buys
 * nothing.
 *
 * @param admitted what the free layers say of its page now
 * @returns undefined if the answer is no longer available: the service has dropped it, or it has expired
 * @throws SolveguardError why the task has failed, or why its outcome is unknown
 */
export async function reattach(
  deps: ReattachDeps,
  recovery: Pick<Recovery, 'recover'>,
  grant: GrantContext,
  admitted: AdmittedPage,
  challenge: ChallengeFacts,
  item: StoredTask,
  signal: AbortSignal | undefined,
): Promise<Solution | undefined> {
  const { clock } = deps
  const account = deps.accounts.find(({ name }) => name === item.solver)
  if (!account) return undefined
  const options = { egress: grant.egressRoute(), hidden: proxySecrets(grant.pageProxy()) }
  const recovered = await unlessAborted(recovery.recover(account, item, options), signal)
  const { outcome, notReadyAt = item.at } = recovered
  if (outcome.kind === 'detached') throw closed()
  if (outcome.kind === 'failed') {
    const { code } = outcome.error
    if (OUTCOME_UNKNOWN.has(code) || NO_ANSWER.has(code)) throw outcome.error
    return undefined
  }
  // When the task was solved is unknown. The answer's lifetime counts from the last poll that found it not ready.
  const expiresAt = notReadyAt + answerLifetimeMs(item.family)
  const isPicture = challenge.family === 'image' || challenge.family === 'bls'
  if (!isPicture && expiresAt <= clock.now()) return undefined
  const { task } = recovered
  const record = (
    action: 'accepted' | 'rejected' | 'injected',
    fields: { code?: Code | undefined; message?: string | undefined } = {},
  ) =>
    deps.recorder.write(
      auditEvent(deps, action, grant, challenge, admitted, {
        solveId: task.id,
        solver: account.name,
        ...fields,
      }),
    )
  return new RedactedSolution(outcome.answer, {
    cost: outcome.cost,
    imputed: account.solver.price(challenge).imputed,
    taskId: item.taskId,
    expiresAt: new Date(expiresAt),
    report: (good) => report(deps, recovered, item.taskId, good, record),
    onInjected: (error) => record('injected', { code: error?.code, message: error?.message }),
  })
}

async function report(
  deps: ReattachDeps,
  { task }: RecoveredTask,
  taskId: string,
  good: boolean,
  record: (action: 'accepted' | 'rejected') => void,
): Promise<void> {
  record(good ? 'accepted' : 'rejected')
  const call = task.account.solver.report(taskId, good, task.family)
  // Best effort, like every report.
  if (!call || deps.closed) return
  const { hidden, key, transport } = task
  await transport.send({ ...call, sensitive: hidden }, key.value, { purpose: 'report' }).catch(() => {})
}

/** Rejects when the signal is aborted. The task is still followed to its end, so that its cost is settled. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted())
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
