import type { AuditAction, AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import { originOf } from '../../policy/origin.js'
import type { Account } from '../accounts/account.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import type { GuardContext } from '../ports.js'
import { budgetIdsOf, type Job } from './job.js'

/** The fields of a record that depend on what happened to the solve. */
export type EventFields = Pick<
  AuditEvent,
  'solveId' | 'solver' | 'reserved' | 'cost' | 'durationMs' | 'code' | 'layer' | 'message' | 'retryAt'
>

const NO_FIELDS: EventFields = {}

/** A page, or a frame of it, in which nothing was read. */
export interface UnnamedPlace {
  readonly family?: undefined
  readonly variant?: undefined
  readonly pageUrl: string
  readonly frameUrl?: string | undefined
}

/** What an audit event needs from the guard. */
export interface AuditEventDeps extends Pick<GuardContext, 'name' | 'clock'> {
  readonly accounts: readonly Pick<Account, 'name'>[]
}

/**
 * Builds the record of one event of a challenge. The literal names every field: merging objects of varying shapes took
 * half of the guard's own time.
 */
export function auditEvent(
  deps: AuditEventDeps,
  action: AuditAction,
  grant: GrantContext,
  challenge: ChallengeFacts | UnnamedPlace,
  admitted: AdmittedPage | undefined,
  fields: EventFields = NO_FIELDS,
  job?: Job,
): AuditEvent {
  const { pageUrl, frameUrl } = challenge
  return {
    action,
    at: deps.clock.now(),
    guard: deps.name,
    solveId: job ? job.id : fields.solveId,
    path: pathOf(grant, admitted, job),
    subject: grant.subjects.at(-1),
    subjects: grant.subjects.length > 1 ? grant.subjects : undefined,
    family: challenge.family,
    variant: challenge.variant,
    sitekey: 'sitekey' in challenge ? challenge.sitekey : undefined,
    page: admitted ? admitted.page : originOf(pageUrl).record,
    frame: admitted ? admitted.frame : frameUrl && originOf(frameUrl).record,
    // A denial before account selection has no solver, unless the guard has exactly one.
    solver: fields.solver ?? (job ? job.account.name : deps.accounts.length > 1 ? undefined : deps.accounts[0]?.name),
    taskId: job?.taskId || undefined,
    keyVersion: job?.key.version,
    keyFingerprint: job?.key.value.fingerprint,
    egress: job?.transport.route,
    imputed: job?.price.imputed,
    reserved: fields.reserved,
    cost: fields.cost,
    durationMs: fields.durationMs,
    code: fields.code,
    layer: fields.layer,
    message: fields.message,
    retryAt: fields.retryAt,
  }
}

function pathOf(grant: GrantContext, admitted: AdmittedPage | undefined, job: Job | undefined): readonly string[] {
  if (job) return budgetIdsOf(job)
  return admitted ? grant.pathFor(admitted.origin) : grant.path
}

/** Builds the record of one event of a job. */
export function jobEvent(deps: AuditEventDeps, action: AuditAction, job: Job, fields?: EventFields): AuditEvent {
  return auditEvent(deps, action, job.grant, job.challenge, job.admitted, fields, job)
}
