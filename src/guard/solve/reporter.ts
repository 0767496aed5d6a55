import type { DenialLog } from '../../audit/denials.js'
import type { AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import type { Code, DeniedError, SolveguardError } from '../../base/errors.js'
import { describeNotifyFailure, type NotifyFailure } from '../../widgets/notify-failure.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { TaskOutcome } from '../service/solver-task.js'
import type { Solution } from '../types.js'
import { type AuditEventDeps, auditEvent, jobEvent, type UnnamedPlace } from './audit-event.js'
import type { Job } from './job.js'
import { RedactedSolution } from './solution.js'

/** What the reporter needs from the guard. */
export interface SolveReporterDeps
  extends AuditEventDeps,
    Pick<GuardContext, 'closed'>,
    Pick<Notifier, 'emit' | 'isObserved'> {
  readonly recorder: Pick<Recorder, 'write' | 'writeSoon'>
  readonly denials: Pick<DenialLog, 'add'>
  /** How many solves were denied, by code. */
  readonly denialCounts: Map<Code, number>
}

/** Writes the audit records of a solve, and emits its events. */
export class SolveReporter {
  readonly #deps: SolveReporterDeps

  constructor(deps: SolveReporterDeps) {
    this.#deps = deps
  }

  authorized(job: Job): void {
    if (!this.#deps.isObserved('authorized')) return
    this.#deps.emit('authorized', { ...this.#eventOf(job), reserved: job.amount }, 'authorized')
  }

  fallback(job: Job, from: string, { code, message }: SolveguardError): void {
    if (!this.#deps.isObserved('fallback')) return
    const to = job.account.name
    this.#deps.emit('fallback', { ...this.#eventOf(job), from, to, code, message }, `${message} Falling back to ${to}.`)
  }

  abandoned(job: Job): void {
    this.#deps.recorder.write(jobEvent(this.#deps, 'abandoned', job, { reserved: job.amount }))
    if (!this.#deps.isObserved('abandoned')) return
    this.#deps.emit('abandoned', { ...this.#eventOf(job), taskId: job.taskId }, 'abandoned')
  }

  submitted(job: Job): void {
    this.#deps.recorder.writeSoon(jobEvent(this.#deps, 'submitted', job))
    if (!this.#deps.isObserved('submitted')) return
    this.#deps.emit('submitted', { ...this.#eventOf(job), taskId: job.taskId }, 'submitted')
  }

  /** Builds the record of how an attempt ended. */
  outcome(job: Job, outcome: Exclude<TaskOutcome, { kind: 'detached' }>, durationMs: number): AuditEvent {
    const { cost } = outcome
    const fields =
      outcome.kind === 'solved'
        ? { reserved: job.amount, cost, durationMs }
        : { reserved: job.amount, cost, durationMs, code: outcome.error.code, message: outcome.error.message }
    return jobEvent(this.#deps, outcome.kind, job, fields)
  }

  /** Emits the event, and returns the caller's solution. */
  solved(job: Job, { answer, cost }: Extract<TaskOutcome, { kind: 'solved' }>, durationMs: number): Solution {
    const { clock } = this.#deps
    if (this.#deps.isObserved('solved')) {
      this.#deps.emit('solved', { ...this.#eventOf(job), taskId: job.taskId, cost, durationMs }, 'solved')
    }
    return new RedactedSolution(answer, {
      cost,
      imputed: job.price.imputed,
      taskId: job.taskId,
      expiresAt: new Date(clock.now() + answerLifetimeMs(job.family)),
      report: (good) => this.#report(job, good),
      onInjected: (error, notifyFailure) => {
        const ok = error === undefined
        this.#deps.recorder.write(jobEvent(this.#deps, 'injected', job, { code: error?.code, message: error?.message }))
        if (this.#deps.isObserved('injected')) {
          this.#deps.emit('injected', { ...this.#eventOf(job), ok, code: error?.code }, 'injected')
        }
        if (notifyFailure) this.#notifyFailed(job, notifyFailure)
      },
    })
  }

  failed(job: Job, { error, cost }: Extract<TaskOutcome, { kind: 'failed' }>, durationMs: number): void {
    const { code, message } = error
    if (this.#deps.isObserved('failed')) {
      this.#deps.emit('failed', { ...this.#eventOf(job), code, message, cost, durationMs }, message)
    }
  }

  /** The caller of a solve may not look at its result: what is wrong in the page is said in any case. */
  #notifyFailed(job: Job, reason: NotifyFailure): void {
    const message = describeNotifyFailure(reason)
    if (this.#deps.isObserved('notifyFailed')) {
      this.#deps.emit('notifyFailed', { ...this.#eventOf(job), reason, message }, message)
    } else process.emitWarning(message, { type: 'SolveguardNotifyFailed' })
  }

  async #report(job: Job, good: boolean): Promise<void> {
    const action = good ? 'accepted' : 'rejected'
    this.#deps.recorder.write(jobEvent(this.#deps, action, job))
    if (this.#deps.isObserved(action)) this.#deps.emit(action, this.#eventOf(job), action)
    const call = job.account.solver.report(job.taskId, good, job.family)
    // Best effort: the solve has ended, and a report that fails changes nothing.
    if (!call || this.#deps.closed) return
    await job.transport.send({ ...call, sensitive: job.hidden }, job.key.value, { purpose: 'report' }).catch(() => {})
  }

  /** Counts the denial, emits its event, and records it: the first of its kind at once, others like it together. */
  denied(
    grant: GrantContext,
    place: ChallengeFacts | UnnamedPlace,
    admitted: AdmittedPage | undefined,
    error: DeniedError,
  ): void {
    const { code, layer, message, retryAt } = error
    const { denialCounts } = this.#deps
    denialCounts.set(code, (denialCounts.get(code) ?? 0) + 1)
    const record = { code, layer, message, retryAt: retryAt?.getTime() }
    this.#deps.denials.add(auditEvent(this.#deps, 'denied', grant, place, admitted, record))
    if (this.#deps.isObserved('denied')) {
      const at = new Date(this.#deps.clock.now())
      const { pageUrl, frameUrl } = place
      const challenge = place.family === undefined ? undefined : place
      this.#deps.emit('denied', { challenge, pageUrl, frameUrl, at, code, layer, message, retryAt }, message)
    }
  }

  #eventOf(job: Job): { solveId: string; solver: string; challenge: ChallengeFacts; at: Date } {
    const at = new Date(this.#deps.clock.now())
    return { solveId: job.id, solver: job.account.name, challenge: job.challenge, at }
  }
}
