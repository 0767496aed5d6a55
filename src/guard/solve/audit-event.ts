import type { AuditAction, AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import { originOf } from '../../policy/origin.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GuardRuntime } from '../runtime.js'
import { budgetIdsOf, type GrantContext, type Job } from './job.js'

/** What a record of a solve says besides whose solve it is. */
export type EventFields = Pick<
  AuditEvent,
  'solveId' | 'solver' | 'reserved' | 'cost' | 'durationMs' | 'code' | 'layer' | 'message' | 'retryAt'
>

const NO_FIELDS: EventFields = {}

/**
 * The record of something that happened to a challenge. Field by field, and all of them: merging objects of ever new shapes
 * took half of the guard's own time.
 */
export function auditEvent(
  core: GuardRuntime,
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
    at: core.clock.now(),
    guard: core.name,
    solveId: job ? job.id : more.solveId,
    path: pathOf(grant, admitted, job),
    subject: grant.subject,
    family: challenge.family,
    variant: challenge.variant,
    sitekey: 'sitekey' in challenge ? challenge.sitekey : undefined,
    page: admitted ? admitted.page : originOf(pageUrl).record,
    frame: admitted ? admitted.frame : frameUrl && originOf(frameUrl).record,
    // A denial is nobody's in particular; where there is one solver only, it is that one's.
    solver: more.solver ?? (job ? job.account.name : core.hasSeveralAccounts ? undefined : core.accounts[0]?.name),
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
export function jobEvent(core: GuardRuntime, action: AuditAction, job: Job, more?: EventFields): AuditEvent {
  return auditEvent(core, action, job.grant, job.challenge, job.admitted, more, job)
}
