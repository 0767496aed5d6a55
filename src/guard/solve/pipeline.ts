import { randomUUID } from 'node:crypto'
import { isPromise, type MaybePromise } from '../../base/async.js'
import {
  type Answer,
  type AnyChallenge,
  type Challenge,
  type ChallengeFacts,
  isPicture,
  withoutPictures,
} from '../../base/challenge.js'
import { DeniedError, messageOf, SolveguardError } from '../../base/errors.js'
import type { ThresholdAlert } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money, ZERO } from '../../policy/money.js'
import { proxySecrets } from '../../solvers/page-proxy.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import { isBlockingTestKey, testAnswer } from '../../widgets/test-keys.js'
import type { AdmittedPage } from '../admission/gate.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import { closed, type GuardRuntime } from '../runtime.js'
import type { SolverClient } from '../service/client.js'
import type { Recovery } from '../service/recovery.js'
import { PageLimits } from '../spending/page-limits.js'
import type { Solution, SolveOptions } from '../types.js'
import { auditEvent, jobEvent } from './audit-event.js'
import type { GrantContext, Job, SubmitObserver, SubmittedTask } from './job.js'
import { isProofOfWork, ProofOfWork } from './proof-of-work.js'
import { SolveReporter } from './reporter.js'
import { reserve } from './reserve.js'
import { AccountSelector, aborted, noAccountError, type SelectedAccount } from './select-account.js'
import { RedactedSolution } from './solution.js'

const noop = (): void => {}

/** Names a solve. In one piece: Node puts a UUID together from sixteen, which take up six times as much for as long as it is kept. */
function solveId(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1')
}

/** How long after its solve's deadline a reservation lapses: time for a task to end that nobody waits for any more. */
const RESERVATION_GRACE_MS = 120_000

/** The lifecycle of a solve, from the gate to the settled reservation. */
export class SolvePipeline {
  readonly #core: GuardRuntime
  readonly #client: SolverClient
  readonly #reporter: SolveReporter
  /** For what others have left: their tasks. */
  readonly recovery: Recovery
  readonly #proofOfWork: ProofOfWork
  readonly #selector: AccountSelector
  readonly #pageLimits: PageLimits
  /** The solves that have not ended. */
  readonly #underWay = new Set<Job>()

  constructor(core: GuardRuntime, service: SolverClient, recovery: Recovery) {
    this.#core = core
    this.#client = service
    this.#reporter = new SolveReporter(core)
    this.recovery = recovery
    this.#proofOfWork = new ProofOfWork(core)
    this.#selector = new AccountSelector(core)
    this.#pageLimits = new PageLimits(core)
  }

  /** @param submitObserver told of each task that the service takes for it, before that is asked for */
  solve(
    grant: GrantContext,
    input: AnyChallenge,
    options: SolveOptions = {},
    submitObserver?: SubmitObserver,
  ): Promise<Solution> {
    const { telemetry } = this.#core
    if (!telemetry) return this.#solve(grant, input, options, submitObserver)
    const budget = grant.path.at(-1) as string
    return telemetry.solve(budget, (onParsed) => this.#solve(grant, input, options, submitObserver, onParsed))
  }

  async #solve(
    grant: GrantContext,
    input: AnyChallenge,
    options: SolveOptions,
    submitObserver: SubmitObserver | undefined,
    onParsed: (challenge: AnyChallenge) => void = noop,
  ): Promise<Solution> {
    const { signal, pageLoad } = options
    if (this.#core.closed) throw closed()
    if (signal?.aborted) throw aborted()
    const challenge = parseChallenge(input)
    onParsed(challenge)
    let admitted: AdmittedPage | undefined
    let counted = false
    try {
      admitted = grant.gate.admit(challenge, this.#core.clock.now())
      if (!isPicture(challenge)) {
        if (isProofOfWork(challenge)) return await this.#proofOfWork.solve(grant, challenge, admitted, options)
        const asMeant = grant.policy.testKeys === 'answer'
        if (asMeant && isBlockingTestKey(challenge)) throw testKeyBlocks(challenge)
        const answer = asMeant ? testAnswer(challenge) : undefined
        if (answer) return await this.#free(grant, challenge, admitted, answer)
      }
      this.#pageLimits.count(grant, pageLoad)
      counted = true
      const rejectedAccounts: SolveguardError[] = []
      const found = this.#selector.select(grant, challenge, 0, rejectedAccounts, signal)
      const choice = isPromise(found) ? await found : found
      if (!choice) throw noAccountError(rejectedAccounts)
      // While the key was waited for, much may have happened; nobody would hear of it once the solve has begun.
      if (this.#core.closed) throw closed()
      if (signal?.aborted) throw aborted()
      const job = this.#job(grant, challenge, admitted, choice, rejectedAccounts, pageLoad, submitObserver)
      // From here on the job knows whether anything was spent, and says itself how it was refused: thousands wait at a time.
      counted = false
      return this.#start(job, challenge, signal)
    } catch (error) {
      if (counted) this.#pageLimits.uncount(pageLoad)
      this.#reportDenial(grant, withoutPictures(challenge), admitted, pageLoad, error)
      throw error
    }
  }

  /** What a denial leaves behind. */
  #reportDenial(
    grant: GrantContext,
    challenge: ChallengeFacts,
    admitted: AdmittedPage | undefined,
    pageLoad: object | undefined,
    error: unknown,
  ): void {
    if (!(error instanceof DeniedError)) return
    this.#reporter.denied(grant, challenge, admitted, error)
    if (admitted) this.#pageLimits.denied(pageLoad, admitted.origin, error)
  }

  /** How many solves of this process have not ended. */
  get underWay(): number {
    return this.#underWay.size + this.#proofOfWork.underWay
  }

  /** Ends every solve of this process for its caller, and waits until each is accounted for, or left noted. */
  async close(): Promise<void> {
    this.#proofOfWork.close()
    for (const job of this.#underWay) {
      if (!job.abandoned) this.#end(job, closed())
      job.wake?.()
    }
    this.#core.waitQueue.wakeHeads()
    // A listener may close the guard in the middle of a step: that step is done after this turn.
    await Promise.resolve()
    const flows = Promise.all([...this.#underWay].map(({ flow }) => flow))
    // What is being sent has a little time to be answered, so that its task can be noted; then the connections end.
    let cancel = (): void => {}
    const polling = new Promise<void>((resolve) => {
      cancel = this.#core.clock.after(5_000, resolve)
    })
    await Promise.race([flows, polling])
    cancel()
    await this.#core.closeTransports()
    await flows
  }

  // -- before anything is reserved ------------------------------------------------------------------------------

  #job(
    grant: GrantContext,
    challenge: AnyChallenge,
    admitted: AdmittedPage,
    choice: SelectedAccount,
    rejectedAccounts: SolveguardError[],
    pageLoad: object | undefined,
    submitObserver: SubmitObserver | undefined,
  ): Job {
    const { index, account, price, key, transport } = choice
    const startedAt = this.#core.clock.monotonic()
    return {
      id: solveId(),
      grant,
      gate: grant.gate,
      challenge: withoutPictures(challenge),
      family: challenge.family,
      hidden: proxySecrets(grant.pageProxy()),
      admitted,
      index,
      busyIndex: undefined,
      rejectedAccounts,
      account,
      fallbackAfterMs: this.#fallbackAfterMs(grant, challenge, index),
      price,
      amount: price.amount,
      key,
      sentInEpoch: 0,
      transport,
      ticket: this.#core.waitQueue.takeTicket(),
      startedAt,
      deadlineAt: startedAt + deadlineOf(grant),
      attempt: 0,
      spent: false,
      pageLoad,
      reservations: 0,
      reservationId: '',
      reservationExpiresAt: 0,
      taskId: '',
      abandoned: false,
      wake: undefined,
      lastFailure: undefined,
      notReadyAt: undefined,
      submitObserver,
      reject: noop,
      release: noop,
      flow: undefined,
    }
  }

  /** How long an account may be busy before another one is asked; undefined where there is no other. */
  #fallbackAfterMs(grant: GrantContext, challenge: AnyChallenge, index: number): number | undefined {
    return this.#selector.hasAnother(index, challenge) ? (grant.policy.budget.waitMs ?? 0) : undefined
  }

  /** A vendor's published test key: answered with a dummy token, without the service, for nothing, and on the record. */
  async #free(grant: GrantContext, challenge: Challenge, admitted: AdmittedPage, answer: Answer): Promise<Solution> {
    const at = this.#core.clock.now()
    const solveId = randomUUID()
    const record = { solveId, cost: ZERO, code: 'TEST_KEY' }
    const event = auditEvent(this.#core, 'solved', grant, challenge, admitted, record)
    // Nobody was asked.
    const written = this.#core.recorder.writeOrDeny({ ...event, solver: undefined })
    if (isPromise(written)) await written
    const told = { solveId, challenge, at: new Date(at), taskId: '', cost: ZERO, durationMs: 0 }
    this.#core.emit('solved', told, 'answered a test key for free')
    return new RedactedSolution(answer, {
      cost: ZERO,
      imputed: false,
      taskId: '',
      expiresAt: new Date(at + answerLifetimeMs(challenge.family)),
      report: async () => {},
      onInjected: () => {},
    })
  }

  // -- the caller's side ----------------------------------------------------------------------------------------

  /** Runs the job. Its caller is answered once: by its outcome, its deadline, its signal, or the guard's end. */
  #start(job: Job, challenge: AnyChallenge, signal: AbortSignal | undefined): Promise<Solution> {
    const { clock } = this.#core
    let resolve: (solution: Solution) => void = noop
    const answered = new Promise<Solution>((yes, no) => {
      resolve = yes
      job.reject = no
    })
    const cancelDeadline = clock.after(job.deadlineAt - clock.monotonic(), () => {
      this.#giveUp(
        job,
        this.#client.timeoutError(job, `The solve did not end within ${formatMs(deadlineOf(job.grant))}.`),
      )
    })
    if (signal) {
      const onAbort = (): void => this.#giveUp(job, aborted())
      signal.addEventListener('abort', onAbort, { once: true })
      job.release = () => {
        cancelDeadline()
        signal.removeEventListener('abort', onAbort)
      }
    } else job.release = cancelDeadline
    // Before it begins: one that is denied at once has ended, and is forgotten, when `run` returns.
    this.#underWay.add(job)
    this.#core.keyRegistry.track(job)
    job.flow = this.#run(job, challenge, resolve)
    return answered
  }

  /** From the reservation to the solution, as often as the policy allows. Settles when all is accounted for, or left noted. */
  async #run(job: Job, challenge: AnyChallenge, resolve: (solution: Solution) => void): Promise<void> {
    const most = job.grant.policy.attempts ?? 1
    try {
      for (;;) {
        const taken = this.#take(job)
        const denial = isPromise(taken) ? await taken : taken
        if (denial) {
          await this.#fallback(job, challenge, denial, 'refused')
          continue
        }
        const authorized = this.#authorize(job)
        if (isPromise(authorized)) await authorized
        job.submitObserver?.begin()
        const submitted = await this.#client.submit(job, challenge, job.grant.pageProxy())
        if (submitted.kind === 'submitted') {
          this.#submitted(job, submitted.taskId)
          if (job.submitObserver) await job.submitObserver.onSubmitted(submittedTask(job))
        }
        const ended =
          submitted.kind !== 'submitted'
            ? submitted
            : submitted.ready
              ? this.#client.outcomeOf(job, submitted.ready)
              : await this.#client.follow(job, submitted.taskId)
        if (ended.kind === 'detached') throw closed()
        // On the record before it is settled: what was settled and not recorded could be told by nobody.
        const durationMs = this.#core.clock.monotonic() - job.startedAt
        const recorded = this.#core.recorder.writeAll([this.#reporter.outcome(job, ended, durationMs)])
        if (isPromise(recorded)) await recorded
        // What it costs to have failed is what it may cost at most, but for what the service's table says.
        const settled = this.#settle(job, ended.cost, ended.kind === 'failed' && ended.cost > 0)
        if (isPromise(settled)) await settled
        if (ended.kind === 'solved') return resolve(this.#reporter.solved(job, ended, durationMs))
        this.#reporter.failed(job, ended, durationMs)
        if (job.abandoned || this.#core.closed) throw ended.error
        if (ended.moveOn) await this.#fallback(job, challenge, ended.error, ended.moveOn)
        else {
          if (!ended.again || ++job.attempt >= most) throw ended.error
          // Another service may fare better; where there is none, this one is asked again.
          await this.#next(job, challenge, ended.error)
        }
      }
    } catch (error) {
      const { grant, admitted, pageLoad } = job
      this.#leavePage(job)
      // One that nobody waits for was told of already.
      if (!job.abandoned) this.#reportDenial(grant, job.challenge, admitted, pageLoad, error)
      job.reject(error)
    } finally {
      job.release()
      this.#leavePage(job)
      this.#underWay.delete(job)
      this.#core.keyRegistry.untrack(job)
      job.submitObserver?.end()
    }
  }

  #leavePage(job: Job): void {
    if (!job.spent) this.#pageLimits.uncount(job.pageLoad)
    job.pageLoad = undefined
  }

  /** Takes the job to another account, which took nothing here. @throws SolveguardError why no account takes it */
  async #fallback(job: Job, challenge: AnyChallenge, why: SolveguardError, because: 'busy' | 'refused'): Promise<void> {
    job.rejectedAccounts.push(why)
    if (because === 'busy') job.busyIndex ??= job.index
    if (await this.#next(job, challenge, why)) return
    const { busyIndex } = job
    if (busyIndex === undefined) throw noAccountError(job.rejectedAccounts)
    // One that only had no room is asked again, for as long as there is time: there is no other.
    job.busyIndex = undefined
    job.index = busyIndex - 1
    if (!(await this.#next(job, challenge, why))) throw noAccountError(job.rejectedAccounts)
    job.fallbackAfterMs = undefined
  }

  /** Takes the job to the next account that can do it, if there is one. */
  async #next(job: Job, challenge: AnyChallenge, why: SolveguardError): Promise<boolean> {
    const from = job.account.name
    const choice = await this.#selector.select(job.grant, challenge, job.index + 1, job.rejectedAccounts)
    if (!choice) return false
    job.index = choice.index
    job.account = choice.account
    job.transport = choice.transport
    job.price = choice.price
    job.amount = choice.price.amount
    job.key = choice.key
    job.fallbackAfterMs = this.#fallbackAfterMs(job.grant, challenge, choice.index)
    this.#reporter.fallback(job, from, why)
    return true
  }

  /** Nobody waits any more. What was handed in is followed to its end all the same. */
  #giveUp(job: Job, error: SolveguardError): void {
    this.#reporter.abandoned(job)
    this.#end(job, error)
    // Before the service took the task there is something to give back at once; after that, its manners go on.
    if (job.taskId === '') job.wake?.()
    this.#core.waitQueue.wakeHeads()
  }

  #end(job: Job, error: SolveguardError): void {
    job.abandoned = true
    job.release()
    job.reject(error)
  }

  /** The service has taken the task. It is noted in the ledger, for whoever comes after a death. */
  #submitted(job: Job, taskId: string): void {
    job.taskId = taskId
    const egressRoute = this.recovery.egressRoute(job.grant)
    const task = { solver: job.account.name, taskId, keyVersion: job.key.version, family: job.family }
    const note = egressRoute === undefined ? task : { ...task, egressRoute }
    this.#core.background(() => this.#core.ledger.attachTask(job.reservationId, note), 'LEDGER_UNAVAILABLE')
    this.#reporter.submitted(job)
  }

  // -- spending -------------------------------------------------------------------------------------------------

  /**
   * Takes from every budget of the path.
   * @returns the denial, where it is only the account's own budget that is in the way
   * @throws DeniedError any other denial
   */
  #take(job: Job): MaybePromise<DeniedError | undefined> {
    job.reservationId = `${job.id}.${++job.reservations}`
    job.taskId = ''
    job.reservationExpiresAt = this.#core.clock.now() + deadlineOf(job.grant) + RESERVATION_GRACE_MS
    const refused = (error: unknown): DeniedError => {
      const budgetId = error instanceof DeniedError ? error.details?.budgetId : undefined
      if (job.account.ownBudgetIds(job.key).some((id) => id === budgetId)) return error as DeniedError
      throw error
    }
    const told = (alerts: readonly ThresholdAlert[]): undefined => this.#core.alertThresholds(alerts) as undefined
    try {
      const alerts = reserve(this.#core, job)
      return isPromise(alerts) ? alerts.then(told, refused) : told(alerts)
    } catch (error) {
      return refused(error)
    }
  }

  /** No record, no solve. */
  #authorize(job: Job): MaybePromise<void> {
    try {
      const written = this.#core.recorder.writeOrDeny(jobEvent(this.#core, 'authorized', job, { reserved: job.amount }))
      if (isPromise(written)) {
        return written.then(
          () => this.#reporter.authorized(job),
          (error) => this.#releaseUnrecorded(job, error),
        )
      }
    } catch (error) {
      return this.#releaseUnrecorded(job, error)
    }
    this.#reporter.authorized(job)
  }

  async #releaseUnrecorded(job: Job, error: unknown): Promise<void> {
    await this.#settle(job, ZERO)
    throw error
  }

  /** Ends the reservation. Should the ledger fail, it lapses by itself and counts as spent. Never throws. */
  #settle(job: Job, cost: Money, unsure = false): MaybePromise<void> {
    const { ledger, clock, recorder, waitQueue } = this.#core
    if (cost > 0) job.spent = true
    if (cost > job.amount) {
      this.#core.alert(
        'PRICE_ABOVE_RESERVED',
        `A solve cost ${formatUsd(cost)}, more than the ${formatUsd(job.amount)} reserved for it; correct the solver's pricing.`,
        undefined,
        { about: job.account.name },
      )
    }
    const lost = (error: unknown): void => {
      job.spent = true
      this.#core.alert(
        'LEDGER_UNAVAILABLE',
        `A solve could not be settled and will count as spent: ${messageOf(error)}`,
      )
    }
    try {
      const settled = ledger.settle(
        { reservationId: job.reservationId, cost, unsure, head: recorder.head },
        clock.now(),
      )
      if (isPromise(settled)) return settled.then(() => waitQueue.wakeHeads(), lost)
      waitQueue.wakeHeads()
    } catch (error) {
      lost(error)
    }
  }
}

function submittedTask({ account, taskId, key, family, reservationId, amount, grant, admitted }: Job): SubmittedTask {
  const path = grant.pathFor(admitted.origin)
  return { solver: account.name, taskId, keyVersion: key.version, family, reservationId, amount, path }
}

function deadlineOf({ policy }: GrantContext): number {
  return policy.deadlineMs as number
}

function testKeyBlocks({ sitekey }: Challenge): SolveguardError {
  return new SolveguardError(
    'TEST_KEY_BLOCKS',
    `The sitekey ${sitekey} is the vendor's own for tests of a failure, so it is left to fail.`,
  )
}
