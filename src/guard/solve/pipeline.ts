import type { AbortWatch } from '../../base/abort.js'
import { isPromise } from '../../base/async.js'
import { withCallerInStack } from '../../base/caller-stack.js'
import { type AnyChallenge, type ChallengeFacts, isPicture, withoutPictures } from '../../base/challenge.js'
import { DeniedError, type Layer, type SolveguardError } from '../../base/errors.js'
import { waitAtMost } from '../../base/timeout.js'
import type { ThresholdAlert } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import { aborted, asSolveguardError, closed } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { Recorder } from '../observability/recorder.js'
import type { Telemetry } from '../observability/telemetry.js'
import type { BackgroundTasks } from '../ports.js'
import type { SolverClient } from '../service/client.js'
import type { Recovery } from '../service/recovery.js'
import type { SubmitObserver, TaskOutcome } from '../service/solver-task.js'
import { PageLimits, type PageLimitsDeps } from '../spending/page-limits.js'
import type { WaitQueue } from '../spending/wait-queue.js'
import type { Solution, SolveOptions, Verdict } from '../types.js'
import { type AuthorizeDeps, authorize } from './authorize.js'
import { explain } from './explain.js'
import { fallBack, moveToNextAccount } from './fallback.js'
import { type FreeAnswerDeps, freeAnswer, testKeyAnswer } from './free-answer.js'
import { createJob, deadlineMs, type Job, type JobDeps, submittedTask } from './job.js'
import { isProofOfWork, ProofOfWork, type ProofOfWorkDeps } from './proof-of-work.js'
import { SolveReporter, type SolveReporterDeps } from './reporter.js'
import { type ReserveDeps, reserveAttempt } from './reserve.js'
import { AccountSelector, type AccountSelectorDeps, noAccountError } from './select-account.js'
import { settle } from './settle.js'

/** The layers that a solve passes, in this order. Each can deny it. After the last one the service is called. */
export const SOLVE_LAYERS = [
  /** `grant.gate.admit`: free. */
  'origin',
  /** `grant.gate.admit`: free. Checked again at each reservation, because a solve may have waited. */
  'time',
  /** `selector.select`: the key of the first account that can do the challenge. Cached. */
  'secret',
  /** `selector.select`: the account's transport, and its address if the policy expects one. Cached. */
  'network',
  /** `reserveAttempt`: one ledger operation on every budget of the path. */
  'spending',
  /** `authorize`: the audit record, which must be written before the service is called. */
  'audit',
] as const satisfies readonly Layer[]

/** How long `close` waits for calls in progress, in ms. */
const CLOSE_TIMEOUT_MS = 5_000
/** How long it waits for solves after that: as long as the ledger and the audit log may take for what is left to do. */
const FLOWS_TIMEOUT_MS = 60_000

const noop = (): void => {}

/** Options of a solve that only this package sets. */
export interface PipelineOptions extends Omit<SolveOptions, 'signal'> {
  readonly signal?: AbortWatch | undefined
  /**
   * How long the solve may queue for rate and slots, in ms.
   * @default `policy.budget.wait`
   */
  readonly waitMs?: number | undefined
}

/** What the pipeline needs from the guard. */
export interface SolvePipelineDeps
  extends JobDeps,
    FreeAnswerDeps,
    ProofOfWorkDeps,
    AccountSelectorDeps,
    PageLimitsDeps,
    ReserveDeps,
    AuthorizeDeps,
    SolveReporterDeps,
    BackgroundTasks {
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'write' | 'writeAll' | 'writeSoon' | 'head' | 'lastError'>
  readonly accounts: AccountSelectorDeps['accounts']
  readonly keyRegistry: Pick<KeyRegistry, 'admit' | 'track' | 'untrack'>
  readonly waitQueue: WaitQueue
  readonly telemetry: Telemetry | undefined
  alertThresholds(alerts: readonly ThresholdAlert[]): void
  /** Closes every connection. Calls in progress fail. */
  closeTransports(): Promise<void>
}

/** The same promise; the line of the solve's caller is in the stack of an error. Small: thousands wait at a time. */
async function answered(solving: Promise<Solution>): Promise<Solution> {
  try {
    return await solving
  } catch (error) {
    // Until then V8 does not know who awaits it, if it was rejected at once.
    await undefined
    throw withCallerInStack(error, answered)
  }
}

/** The whole course of a solve, from the gate to the settled reservation. */
export class SolvePipeline {
  readonly #deps: SolvePipelineDeps
  readonly #client: SolverClient
  readonly #recovery: Pick<Recovery, 'egressRoute'>
  readonly #proofOfWork: ProofOfWork
  readonly #pageLimits: PageLimits
  readonly #steps: { readonly selector: AccountSelector; readonly reporter: SolveReporter }
  /** The solves that have not ended. */
  readonly #underWay = new Set<Job>()

  constructor(deps: SolvePipelineDeps, client: SolverClient, recovery: Pick<Recovery, 'egressRoute'>) {
    this.#deps = deps
    this.#client = client
    this.#recovery = recovery
    this.#proofOfWork = new ProofOfWork(deps)
    this.#pageLimits = new PageLimits(deps)
    this.#steps = { selector: new AccountSelector(deps), reporter: new SolveReporter(deps) }
  }

  /** @param submitObserver called with each task that the service accepts for the solve, before its first poll */
  solve(
    grant: GrantContext,
    input: AnyChallenge,
    options: PipelineOptions = {},
    submitObserver?: SubmitObserver,
  ): Promise<Solution> {
    const { telemetry } = this.#deps
    if (!telemetry) return this.#admit(grant, input, options, submitObserver)
    const budget = grant.path.at(-1) as string
    return telemetry.solve(budget, (onParsed) => this.#admit(grant, input, options, submitObserver, onParsed))
  }

  /** What each layer would say to a solve. @param at wall-clock ms; undefined: now */
  explain(
    grant: GrantContext,
    challengeOrUrl: AnyChallenge | string,
    at?: number,
    pageLoad?: object,
  ): Promise<Verdict> {
    const checkPage = (): void => this.#pageLimits.check(grant, pageLoad)
    return explain(this.#deps, this.#steps.selector, grant, challengeOrUrl, at, checkPage)
  }

  /** The layers before money: origin, time, secret, network. Then it starts the job. */
  async #admit(
    grant: GrantContext,
    input: AnyChallenge,
    options: PipelineOptions,
    submitObserver: SubmitObserver | undefined,
    onParsed: (challenge: AnyChallenge) => void = noop,
  ): Promise<Solution> {
    const { signal, pageLoad, waitMs } = options
    if (this.#deps.closed) throw closed()
    if (signal?.aborted) throw aborted()
    const challenge = parseChallenge(input)
    onParsed(challenge)
    let admitted: AdmittedPage | undefined
    let counted = false
    let hasWaited = false
    try {
      admitted = grant.gate.admit(challenge, this.#deps.clock.now())
      if (!isPicture(challenge)) {
        if (isProofOfWork(challenge)) return await this.#proofOfWork.solve(grant, challenge, admitted, options)
        const answer = testKeyAnswer(grant, challenge)
        if (answer) return await freeAnswer(this.#deps, grant, challenge, admitted, answer)
      }
      this.#pageLimits.count(grant, pageLoad)
      counted = true
      const rejected: SolveguardError[] = []
      const selecting = this.#steps.selector.select(grant, challenge, 0, rejected, signal)
      hasWaited = isPromise(selecting)
      const selected = isPromise(selecting) ? await selecting : selecting
      if (!selected) throw noAccountError(rejected)
      // Selecting may have waited for the key. A new job does not notice an earlier close or abort.
      if (this.#deps.closed) throw closed()
      if (signal?.aborted) throw aborted()
      const deps = this.#deps
      const job = createJob(deps, grant, challenge, admitted, selected, rejected, pageLoad, submitObserver, waitMs)
      // From here on the job uncounts itself and reports its denial. Not awaited: thousands of solves wait at a time.
      counted = false
      return answered(this.#start(job, challenge, signal))
    } catch (error) {
      if (counted) this.#pageLimits.uncount(pageLoad)
      this.#reportDenial(grant, withoutPictures(challenge), admitted, pageLoad, error)
      const known = asSolveguardError(error, 'SOLVER_ERROR')
      // A denial by a free layer has its caller's line already, and need not be slower.
      throw hasWaited ? withCallerInStack(known, this.#admit) : known
    }
  }

  /** Runs the job. Its caller's promise is settled once: by the outcome, the deadline, the signal, or `close`. */
  #start(job: Job, challenge: AnyChallenge, signal: AbortWatch | undefined): Promise<Solution> {
    const { clock } = this.#deps
    let resolve: (solution: Solution) => void = noop
    const answered = new Promise<Solution>((yes, no) => {
      resolve = yes
      job.reject = no
    })
    const cancelDeadline = clock.after(job.deadlineAt - clock.monotonic(), () => {
      const what = `The solve did not end within ${formatMs(deadlineMs(job.grant))}.`
      this.#abandon(job, this.#client.timeoutError(job, what))
    })
    if (signal) {
      const onAbort = (): void => this.#abandon(job, aborted())
      signal.addEventListener('abort', onAbort, { once: true })
      job.release = () => {
        cancelDeadline()
        signal.removeEventListener('abort', onAbort)
      }
    } else job.release = cancelDeadline
    // Added before it runs: a job that is denied at once is removed before `#run` returns.
    this.#underWay.add(job)
    this.#deps.keyRegistry.track(job)
    job.flow = this.#run(job, challenge, resolve)
    return answered
  }

  /**
   * The layers of money and record, then the service: reserve, authorize, submit, poll, record, settle. Repeats this as
   * often as the policy allows. Resolves when the reservation is settled, or left in the ledger for another process.
   */
  async #run(job: Job, challenge: AnyChallenge, resolve: (solution: Solution) => void): Promise<void> {
    const { reporter } = this.#steps
    const maxAttempts = job.grant.policy.attempts ?? 1
    try {
      for (;;) {
        const reserving = reserveAttempt(this.#deps, job)
        const denial = isPromise(reserving) ? await reserving : reserving
        if (denial) {
          await fallBack(this.#steps, job, challenge, denial, 'refused')
          continue
        }

        const authorizing = authorize(this.#deps, reporter, job)
        if (isPromise(authorizing)) await authorizing

        let outcome: TaskOutcome
        try {
          const beginning = job.submitObserver?.begin(submittedTask(job))
          if (beginning) await beginning
          const submitted = await this.#client.submit(job, challenge, job.grant.pageProxy())
          if (submitted.kind === 'submitted') {
            this.#attachTask(job, submitted.taskId)
            if (job.submitObserver) await job.submitObserver.onSubmitted(submittedTask(job))
          }
          outcome =
            submitted.kind !== 'submitted'
              ? submitted
              : submitted.ready
                ? this.#client.outcomeOf(job, submitted.ready)
                : await this.#client.follow(job, submitted.taskId)
        } catch (error) {
          outcome = this.#client.unexpected(job, error)
        }
        if (outcome.kind === 'detached') throw closed()

        // Recorded before it is settled: a cost that was settled without a record could not be explained later.
        const durationMs = this.#deps.clock.monotonic() - job.startedAt
        const recording = this.#deps.recorder.writeAll([reporter.outcome(job, outcome, durationMs)])
        if (isPromise(recording) ? await recording : recording) {
          // A failure costs the reserved amount, unless the service's table of errors says that it is free.
          const settling = settle(this.#deps, job, outcome.cost, outcome.kind === 'failed' && outcome.cost > 0)
          if (isPromise(settling)) await settling
        } else {
          // Without a record the reservation stays open, and counts as spent once it expires. Recovery may settle it.
          job.spent = true
        }
        // The pause is in the ledger before the caller has the error, with which the process may end.
        if (job.pausing) await job.pausing

        if (outcome.kind === 'solved') return resolve(reporter.solved(job, outcome, durationMs))
        reporter.failed(job, outcome, durationMs)
        if (job.abandoned || this.#deps.closed) throw outcome.error
        if (outcome.fallback) await fallBack(this.#steps, job, challenge, outcome.error, outcome.fallback)
        else {
          if (!outcome.retry || ++job.attempt >= maxAttempts) throw outcome.error
          // Another service may solve it. If there is none, the next attempt uses the same one.
          await moveToNextAccount(this.#steps, job, challenge, outcome.error)
        }
      }
    } catch (error) {
      const { grant, admitted, pageLoad } = job
      this.#leavePage(job)
      // An abandoned job has been reported already.
      if (!job.abandoned) this.#reportDenial(grant, job.challenge, admitted, pageLoad, error)
      job.reject(asSolveguardError(error, 'SOLVER_ERROR'))
    } finally {
      job.release()
      job.callback?.end()
      this.#leavePage(job)
      this.#underWay.delete(job)
      this.#deps.keyRegistry.untrack(job)
      job.submitObserver?.end()
    }
  }

  /** The service has accepted the task. The ledger stores its id: another process recovers it if this one dies. */
  #attachTask(job: Job, taskId: string): void {
    job.taskId = taskId
    const egressRoute = this.#recovery.egressRoute(job.grant)
    const task = { solver: job.account.name, taskId, keyVersion: job.key.version, family: job.family }
    const attached = egressRoute === undefined ? task : { ...task, egressRoute }
    const { reservationId } = job
    const onAttached = (isRepeated: boolean): void => {
      if (isRepeated && job.reservationId === reservationId) this.#client.endRepeated(job)
    }
    this.#deps.background(() => {
      const attaching = this.#deps.ledger.attachTask(reservationId, attached)
      return isPromise(attaching) ? attaching.then(onAttached) : onAttached(attaching)
    }, 'LEDGER_UNAVAILABLE')
    this.#steps.reporter.submitted(job)
  }

  // -- the end of a solve ---------------------------------------------------------------------------------------

  /** Rejects the caller's promise before the job has ended. A submitted task is still followed to its end. */
  #abandon(job: Job, error: SolveguardError): void {
    this.#steps.reporter.abandoned(job)
    this.#endForCaller(job, error)
    // Before the service has accepted a task, the job can end at once. After that, the task is polled as before.
    if (job.taskId === '') job.wake?.()
    this.#deps.waitQueue.wakeHeads()
  }

  #endForCaller(job: Job, error: SolveguardError): void {
    job.abandoned = true
    job.release()
    job.reject(error)
  }

  /** A job that cost nothing does not count for its page. */
  #leavePage(job: Job): void {
    if (!job.spent) this.#pageLimits.uncount(job.pageLoad)
    job.pageLoad = undefined
  }

  /**
   * The denial of a solve in a page or frame that the policy does not name, where nothing is read.
   * @throws SolveguardError `GUARD_CLOSED`
   */
  denyUnnamed(grant: GrantContext, pageUrl: string, frameUrl: string | undefined): DeniedError | undefined {
    if (this.#deps.closed) throw closed()
    const ofFrame = () => (frameUrl === undefined ? undefined : grant.gate.originDenial('frame', frameUrl))
    const error = grant.gate.originDenial('page', pageUrl) ?? ofFrame()
    if (error) this.#steps.reporter.denied(grant, { pageUrl, frameUrl }, undefined, error)
    return error
  }

  #reportDenial(
    grant: GrantContext,
    challenge: ChallengeFacts,
    admitted: AdmittedPage | undefined,
    pageLoad: object | undefined,
    error: unknown,
  ): void {
    if (!(error instanceof DeniedError)) return
    this.#steps.reporter.denied(grant, challenge, admitted, error)
    if (admitted) this.#pageLimits.denied(pageLoad, admitted.origin, error)
  }

  /** The number of solves of this process that have not ended. */
  get underWay(): number {
    return this.#underWay.size + this.#proofOfWork.underWay
  }

  /** Rejects every solve of this process, and waits until each is settled, or left in the ledger. */
  async close(): Promise<void> {
    this.#proofOfWork.close()
    for (const job of this.#underWay) {
      if (!job.abandoned) this.#endForCaller(job, closed())
      job.wake?.()
    }
    this.#deps.waitQueue.wakeHeads()
    // A listener may close the guard in the middle of a synchronous step, which ends after this microtask.
    await Promise.resolve()
    const flows = Promise.all([...this.#underWay].map(({ flow }) => flow))
    // Calls in progress get a few seconds to be answered, so that tasks can be attached. Then connections are closed.
    await waitAtMost(flows, this.#deps.clock, CLOSE_TIMEOUT_MS)
    await this.#deps.closeTransports()
    // What the user's own parts never answer must not keep the guard from closing.
    await waitAtMost(flows, this.#deps.clock, FLOWS_TIMEOUT_MS)
  }
}
