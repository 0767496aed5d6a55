import type { AuditEvent } from '../../audit/sink.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import type { DeniedError, SolveguardError } from '../../base/errors.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GuardRuntime } from '../runtime.js'
import type { Ended } from '../service/client.js'
import type { Solution } from '../types.js'
import { describe, describeJob } from './audit-event.js'
import type { GrantContext, Job } from './job.js'
import { BoughtSolution } from './solution.js'

/** What is written down of a solve, and told of it. */
export class Telling {
  readonly #core: GuardRuntime

  constructor(core: GuardRuntime) {
    this.#core = core
  }

  authorized(job: Job): void {
    if (!this.#core.hears('authorized')) return
    this.#core.tell('authorized', { ...this.#told(job), reserved: job.amount }, 'authorized')
  }

  fallback(job: Job, from: string, { code, message }: SolveguardError): void {
    if (!this.#core.hears('fallback')) return
    const to = job.account.name
    this.#core.tell('fallback', { ...this.#told(job), from, to, code, message }, `${message} Asking ${to} instead.`)
  }

  abandoned(job: Job): void {
    this.#core.recorder.note(describeJob(this.#core, 'abandoned', job, { reserved: job.amount }))
    if (!this.#core.hears('abandoned')) return
    this.#core.tell('abandoned', { ...this.#told(job), taskId: job.taskId }, 'abandoned')
  }

  submitted(job: Job): void {
    this.#core.recorder.later(describeJob(this.#core, 'submitted', job))
    if (!this.#core.hears('submitted')) return
    this.#core.tell('submitted', { ...this.#told(job), taskId: job.taskId }, 'submitted')
  }

  /** The record of how an attempt ended. */
  outcome(job: Job, ended: Exclude<Ended, { kind: 'left' }>, durationMs: number): AuditEvent {
    const { cost } = ended
    const more =
      ended.kind === 'solved'
        ? { reserved: job.amount, cost, durationMs }
        : { reserved: job.amount, cost, durationMs, code: ended.error.code, message: ended.error.message }
    return describeJob(this.#core, ended.kind, job, more)
  }

  /** What the caller gets. */
  solved(job: Job, { answer, cost }: Extract<Ended, { kind: 'solved' }>, durationMs: number): Solution {
    const { clock } = this.#core
    if (this.#core.hears('solved')) {
      this.#core.tell('solved', { ...this.#told(job), taskId: job.taskId, cost, durationMs }, 'solved')
    }
    return new BoughtSolution(answer, {
      cost,
      imputed: job.price.imputed,
      taskId: job.taskId,
      expiresAt: new Date(clock.now() + answerLifetimeMs(job.family)),
      report: (good) => this.#report(job, good),
      onInjected: (error) => {
        const ok = error === undefined
        this.#core.recorder.note(
          describeJob(this.#core, 'injected', job, { code: error?.code, message: error?.message }),
        )
        if (this.#core.hears('injected')) {
          this.#core.tell('injected', { ...this.#told(job), ok, code: error?.code }, 'injected')
        }
      },
    })
  }

  failed(job: Job, { error, cost }: Extract<Ended, { kind: 'failed' }>, durationMs: number): void {
    const { code, message } = error
    if (this.#core.hears('failed')) {
      this.#core.tell('failed', { ...this.#told(job), code, message, cost, durationMs }, message)
    }
  }

  async #report(job: Job, good: boolean): Promise<void> {
    const action = good ? 'accepted' : 'rejected'
    this.#core.recorder.note(describeJob(this.#core, action, job))
    if (this.#core.hears(action)) this.#core.tell(action, this.#told(job), action)
    const call = job.account.solver.report(job.taskId, good, job.family)
    // The report is a courtesy: the solve is over, and a service that does not take it changes nothing.
    if (!call || this.#core.closed) return
    await job.transport.send({ ...call, sensitive: job.hidden }, job.key.value, { purpose: 'report' }).catch(() => {})
  }

  /** Told, counted, and written down behind. */
  denied(grant: GrantContext, challenge: ChallengeFacts, admitted: AdmittedPage | undefined, error: DeniedError): void {
    const { code, layer, message, retryAt } = error
    const { denied } = this.#core
    denied.set(code, (denied.get(code) ?? 0) + 1)
    const record = { code, layer, message, retryAt: retryAt?.getTime() }
    this.#core.denials.add(describe(this.#core, 'denied', grant, challenge, admitted, record))
    if (this.#core.hears('denied')) {
      const at = new Date(this.#core.clock.now())
      this.#core.tell('denied', { challenge, at, code, layer, message, retryAt }, message)
    }
  }

  #told(job: Job): { solveId: string; solver: string; challenge: ChallengeFacts; at: Date } {
    const at = new Date(this.#core.clock.now())
    return { solveId: job.id, solver: job.account.name, challenge: job.challenge, at }
  }
}
