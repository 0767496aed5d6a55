import type { AuditAction, AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import { originOf } from '../../policy/origin.js'
import type { Account } from '../accounts/account.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import type { GuardContext } from '../ports.js'
import { budgetIdsOf, type Job } from './job.js'

/** What a record of a solve says besides whose solve it is. */
export type EventFields = Pick<
  AuditEvent,
  'solveId' | 'solver' | 'reserved' | 'cost' | 'durationMs' | 'code' | 'layer' | 'message' | 'retryAt'
>

const NO_FIELDS: EventFields = {}

/** What an audit event takes of the guard. */
export interface AuditEventDeps extends Pick<GuardContext, 'name' | 'clock'> {
  readonly accounts: readonly Pick<Account, 'name'>[]
}

/**
 * The record of something that happened to a challenge. Field by field, and all of them: merging objects of ever new shapes
 * took half of the guard's own time.
 */
export function auditEvent(
  deps: AuditEventDeps,
  action: AuditAction,
  grant: GrantContext,
  challenge: ChallengeFacts,
  admitted: AdmittedPage | undefined,
  more: EventFields = NO_FIELDS,
  job?: Job,
): AuditEvent {
  const { pageUrl, frameUrl } = challenge
  return {
    action,
    at: deps.clock.now(),
    guard: deps.name,
    solveId: job ? job.id : more.solveId,
    path: pathOf(grant, admitted, job),
    subject: grant.subject,
    family: challenge.family,
    variant: challenge.variant,
    sitekey: 'sitekey' in challenge ? challenge.sitekey : undefined,
    page: admitted ? admitted.page : originOf(pageUrl).record,
    frame: admitted ? admitted.frame : frameUrl && originOf(frameUrl).record,
    // A denial is nobody's in particular; where there is one solver only, it is that one's.
    solver: more.solver ?? (job ? job.account.name : deps.accounts.length > 1 ? undefined : deps.accounts[0]?.name),
    taskId: job?.taskId || undefined,
    keyVersion: job?.key.version,
    keyFingerprint: job?.key.value.fingerprint,
    egress: job?.transport.route,
    imputed: job?.price.imputed,
    reserved: more.reserved,
    cost: more.cost,
    durationMs: more.durationMs,
    code: more.code,
    layer: more.layer,
    message: more.message,
    retryAt: more.retryAt,
  }
}

function pathOf(grant: GrantContext, admitted: AdmittedPage | undefined, job: Job | undefined): readonly string[] {
  if (job) return budgetIdsOf(job)
  return admitted ? grant.pathFor(admitted.origin) : grant.path
}

/** One more record of a solve under way. */
export function jobEvent(deps: AuditEventDeps, action: AuditAction, job: Job, more?: EventFields): AuditEvent {
  return auditEvent(deps, action, job.grant, job.challenge, job.admitted, more, job)
}
