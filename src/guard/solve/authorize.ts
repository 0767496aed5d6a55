import { isPromise, type MaybePromise } from '../../base/async.js'
import { ZERO } from '../../policy/money.js'
import type { Recorder } from '../observability/recorder.js'
import { type AuditEventDeps, jobEvent } from './audit-event.js'
import type { Job } from './job.js'
import type { SolveReporter } from './reporter.js'
import { type SettleDeps, settle } from './settle.js'

/** What the audit layer needs from the guard. */
export interface AuthorizeDeps extends AuditEventDeps, SettleDeps {
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'head'>
}

/**
 * The audit layer. No record, no solve: if the record cannot be written, the reservation is settled at zero.
 * @throws DeniedError `AUDIT_UNAVAILABLE`
 */
export function authorize(
  deps: AuthorizeDeps,
  reporter: Pick<SolveReporter, 'authorized'>,
  job: Job,
): MaybePromise<void> {
  try {
    const written = deps.recorder.writeOrDeny(jobEvent(deps, 'authorized', job, { reserved: job.amount }))
    if (isPromise(written)) {
      return written.then(
        () => reporter.authorized(job),
        (error) => releaseReservation(deps, job, error),
      )
    }
  } catch (error) {
    return releaseReservation(deps, job, error)
  }
  reporter.authorized(job)
}

async function releaseReservation(deps: SettleDeps, job: Job, error: unknown): Promise<never> {
  await settle(deps, job, ZERO)
  throw error
}
