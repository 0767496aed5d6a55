import type { AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import type { DeniedError, SolveguardError } from '../../base/errors.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GuardRuntime } from '../runtime.js'
import type { TaskOutcome } from '../service/client.js'
import type { Solution } from '../types.js'
import { auditEvent, jobEvent } from './audit-event.js'
import type { GrantContext, Job } from './job.js'
import { RedactedSolution } from './solution.js'

/** What is written down of a solve, and told of it. */
export class SolveReporter {
  readonly #core: GuardRuntime

  constructor(core: GuardRuntime) {
    this.#core = core
  }

  authorized(job: Job): void {
    if (!this.#core.isObserved('authorized')) return
    this.#core.emit('authorized', { ...this.#eventOf(job), reserved: job.amount }, 'authorized')
  }

  fallback(job: Job, from: string, { code, message }: SolveguardError): void {
    if (!this.#core.isObserved('fallback')) return
    const to = job.account.name
    this.#core.emit('fallback', { ...this.#eventOf(job), from, to, code, message }, `${message} Asking ${to} instead.`)
  }

  abandoned(job: Job): void {
    this.#core.recorder.write(jobEvent(this.#core, 'abandoned', job, { reserved: job.amount }))
    if (!this.#core.isObserved('abandoned')) return
    this.#core.emit('abandoned', { ...this.#eventOf(job), taskId: job.taskId }, 'abandoned')
  }

  submitted(job: Job): void {
    this.#core.recorder.writeSoon(jobEvent(this.#core, 'submitted', job))
    if (!this.#core.isObserved('submitted')) return
    this.#core.emit('submitted', { ...this.#eventOf(job), taskId: job.taskId }, 'submitted')
  }

  /** The record of how an attempt ended. */
  outcome(job: Job, ended: Exclude<TaskOutcome, { kind: 'detached' }>, durationMs: number): AuditEvent {
    const { cost } = ended
    const more =
      ended.kind === 'solved'
        ? { reserved: job.amount, cost, durationMs }
        : { reserved: job.amount, cost, durationMs, code: ended.error.code, message: ended.error.message }
    return jobEvent(this.#core, ended.kind, job, more)
  }

  /** What the caller gets. */
  solved(job: Job, { answer, cost }: Extract<TaskOutcome, { kind: 'solved' }>, durationMs: number): Solution {
    const { clock } = this.#core
    if (this.#core.isObserved('solved')) {
      this.#core.emit('solved', { ...this.#eventOf(job), taskId: job.taskId, cost, durationMs }, 'solved')
    }
    return new RedactedSolution(answer, {
      cost,
      imputed: job.price.imputed,
      taskId: job.taskId,
      expiresAt: new Date(clock.now() + answerLifetimeMs(job.family)),
      report: (good) => this.#report(job, good),
      onInjected: (error) => {
        const ok = error === undefined
        this.#core.recorder.write(jobEvent(this.#core, 'injected', job, { code: error?.code, message: error?.message }))
        if (this.#core.isObserved('injected')) {
          this.#core.emit('injected', { ...this.#eventOf(job), ok, code: error?.code }, 'injected')
        }
      },
    })
  }

  failed(job: Job, { error, cost }: Extract<TaskOutcome, { kind: 'failed' }>, durationMs: number): void {
    const { code, message } = error
    if (this.#core.isObserved('failed')) {
      this.#core.emit('failed', { ...this.#eventOf(job), code, message, cost, durationMs }, message)
    }
  }

  async #report(job: Job, good: boolean): Promise<void> {
    const action = good ? 'accepted' : 'rejected'
    this.#core.recorder.write(jobEvent(this.#core, action, job))
    if (this.#core.isObserved(action)) this.#core.emit(action, this.#eventOf(job), action)
    const call = job.account.solver.report(job.taskId, good, job.family)
    // The report is a courtesy: the solve is over, and a service that does not take it changes nothing.
    if (!call || this.#core.closed) return
    await job.transport.send({ ...call, sensitive: job.hidden }, job.key.value, { purpose: 'report' }).catch(() => {})
  }

  /** Told, counted, and written down behind. */
  denied(grant: GrantContext, challenge: ChallengeFacts, admitted: AdmittedPage | undefined, error: DeniedError): void {
    const { code, layer, message, retryAt } = error
    const { denialCounts: denied } = this.#core
    denied.set(code, (denied.get(code) ?? 0) + 1)
    const record = { code, layer, message, retryAt: retryAt?.getTime() }
    this.#core.denials.add(auditEvent(this.#core, 'denied', grant, challenge, admitted, record))
    if (this.#core.isObserved('denied')) {
      const at = new Date(this.#core.clock.now())
      this.#core.emit('denied', { challenge, at, code, layer, message, retryAt }, message)
    }
  }

  #eventOf(job: Job): { solveId: string; solver: string; challenge: ChallengeFacts; at: Date } {
    const at = new Date(this.#core.clock.now())
    return { solveId: job.id, solver: job.account.name, challenge: job.challenge, at }
  }
}
