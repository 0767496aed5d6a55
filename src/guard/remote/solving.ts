import { randomUUID } from 'node:crypto'
import { withCallerInStack } from '../../base/caller-stack.js'
import { type AnyChallenge, type ChallengeFacts, isPicture, withoutPictures } from '../../base/challenge.js'
import { DeniedError, type SolveguardError } from '../../base/errors.js'
import { waitAtMost } from '../../base/timeout.js'
import { type Money, ZERO } from '../../policy/money.js'
import type { HeldToken } from '../../tokens/held.js'
import { describeNotifyFailure, type NotifyFailure } from '../../widgets/notify-failure.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import type { WireSolution } from '../../wires/broker.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import { aborted, asSolveguardError, closed } from '../errors.js'
import { explainFreeLayers } from '../solve/explain.js'
import { freeAnswer, testKeyAnswer } from '../solve/free-answer.js'
import { isProofOfWork, ProofOfWork } from '../solve/proof-of-work.js'
import { SolveReporter } from '../solve/reporter.js'
import { RedactedSolution } from '../solve/solution.js'
import { PageLimits } from '../spending/page-limits.js'
import type { Solution, SolveOptions, Verdict } from '../types.js'
import { type BrokerCalls, NotSent, unreachable } from './calls.js'
import { BROKER, type RemoteContext } from './context.js'

/** How long `close` waits for the solves that it ends, in ms. */
const CLOSE_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 5_000
const UNASKED = 'Not asked: the broker decides it.'

/** A grant whose solves a broker does. */
export interface RemoteGrantContext extends GrantContext {
  readonly token: HeldToken
}

/** A solve that was sent to the broker, or is about to be. */
interface RemoteSolve {
  readonly id: string
  readonly grant: RemoteGrantContext
  readonly challenge: ChallengeFacts
  readonly startedAt: number
  /** Whether the broker may have bought something. What is not known counts as bought. */
  mayHaveCost: boolean
}

/** In place of the layers of key, money and record, and of the service: the free layers, then the broker. */
export class RemoteSolving {
  readonly #context: RemoteContext
  readonly #calls: BrokerCalls
  readonly #connectWithinMs: number
  readonly #proofOfWork: ProofOfWork
  readonly #pageLimits: PageLimits
  readonly #reporter: SolveReporter
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(context: RemoteContext, calls: BrokerCalls, connectWithinMs: number) {
    this.#context = context
    this.#calls = calls
    this.#connectWithinMs = connectWithinMs
    this.#proofOfWork = new ProofOfWork(context)
    this.#pageLimits = new PageLimits(context)
    this.#reporter = new SolveReporter(context)
  }

  /** @throws as `Grant.solve` */
  async solve(grant: RemoteGrantContext, input: AnyChallenge, options: SolveOptions = {}): Promise<Solution> {
    const { signal, pageLoad } = options
    if (this.#context.closed) throw closed()
    if (signal?.aborted) throw aborted()
    const challenge = parseChallenge(input)
    let admitted: AdmittedPage | undefined
    try {
      admitted = grant.gate.admit(challenge, this.#context.clock.now())
      if (!isPicture(challenge)) {
        if (isProofOfWork(challenge)) return await this.#proofOfWork.solve(grant, challenge, admitted, options)
        const answer = testKeyAnswer(grant, challenge)
        if (answer) return await freeAnswer(this.#context, grant, challenge, admitted, answer)
      }
      this.#pageLimits.count(grant, pageLoad)
      const solving = this.#tracked(this.#ask(grant, challenge, options))
      return await solving
    } catch (error) {
      if (error instanceof DeniedError) {
        this.#reporter.denied(grant, withoutPictures(challenge), admitted, error)
        if (admitted) this.#pageLimits.denied(pageLoad, admitted.origin, error)
      }
      throw withCallerInStack(error, this.solve)
    }
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const done = (): void => void this.#underWay.delete(work)
    work.then(done, done)
    return work
  }

  async #ask(
    grant: RemoteGrantContext,
    challenge: AnyChallenge,
    { signal, pageLoad }: SolveOptions,
  ): Promise<Solution> {
    const { clock } = this.#context
    const startedAt = clock.monotonic()
    const facts = withoutPictures(challenge)
    const solve: RemoteSolve = { id: randomUUID(), grant, challenge: facts, startedAt, mayHaveCost: false }
    try {
      const solution = await this.#untilSent(solve, challenge, signal)
      const durationMs = clock.monotonic() - startedAt
      const { taskId } = solution
      const cost = solution.cost as Money
      this.#context.emit('solved', { ...this.#eventOf(solve), taskId, cost, durationMs }, 'solved')
      return this.#solutionOf(solve, solution, cost)
    } catch (thrown) {
      const error = asSolveguardError(thrown, 'SOLVER_ERROR')
      if (!solve.mayHaveCost) this.#pageLimits.uncount(pageLoad)
      if (!(error instanceof DeniedError)) this.#ended(solve, error)
      throw error
    }
  }

  #ended(solve: RemoteSolve, { code, message }: SolveguardError): void {
    if (code === 'SOLVE_ABORTED' || code === 'GUARD_CLOSED') {
      if (solve.mayHaveCost) this.#context.emit('abandoned', { ...this.#eventOf(solve), taskId: '' }, 'abandoned')
      return
    }
    const durationMs = this.#context.clock.monotonic() - solve.startedAt
    this.#context.emit('failed', { ...this.#eventOf(solve), code, message, cost: ZERO, durationMs }, message)
  }

  /** Sends it again only while nothing was sent, or a broker that is about to stop has refused it. */
  async #untilSent(
    solve: RemoteSolve,
    challenge: AnyChallenge,
    signal: AbortSignal | undefined,
  ): Promise<WireSolution> {
    const { clock } = this.#context
    const { token, policy } = solve.grant
    const deadlineMs = policy.deadlineMs as number
    const until = solve.startedAt + Math.min(this.#connectWithinMs, deadlineMs)
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      let error: SolveguardError
      solve.mayHaveCost = true
      try {
        const outcome = await this.#calls.solve(token.secret, challenge, { deadlineMs, signal })
        if (outcome.kind === 'solved') {
          solve.mayHaveCost = outcome.solution.cost > 0
          return outcome.solution
        }
        // A denial of a further attempt comes after the broker has accepted the first.
        solve.mayHaveCost = outcome.accepted
        if (outcome.error.code !== 'BROKER_DRAINING') throw outcome.error
        error = outcome.error
      } catch (thrown) {
        if (!(thrown instanceof NotSent)) throw thrown
        solve.mayHaveCost = false
        error = unreachable(thrown)
      }
      if (solve.mayHaveCost || clock.monotonic() + waitMs > until) throw error
      const { code, message } = error
      this.#context.emit(
        'retrying',
        { solveId: solve.id, code, message, inMs: waitMs, at: new Date(clock.now()) },
        message,
      )
      await this.#pause(waitMs, signal)
    }
  }

  /** @throws SolveguardError `SOLVE_ABORTED`, `GUARD_CLOSED` */
  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    let cancel = (): void => {}
    let wake = (): void => {}
    await new Promise<void>((resolve) => {
      wake = resolve
      cancel = this.#context.clock.after(ms, resolve)
      for (const each of [signal, this.#calls.ending]) each?.addEventListener('abort', wake, { once: true })
      if (signal?.aborted || this.#context.closed) resolve()
    })
    cancel()
    for (const each of [signal, this.#calls.ending]) each?.removeEventListener('abort', wake)
    if (this.#context.closed) throw closed()
    if (signal?.aborted) throw aborted()
  }

  #solutionOf(solve: RemoteSolve, { token, fields, ...facts }: WireSolution, cost: Money): Solution {
    const { imputed, taskId, id, expiresAt } = facts
    const latest = this.#context.clock.now() + answerLifetimeMs(solve.challenge.family)
    const until = Date.parse(expiresAt)
    return new RedactedSolution(
      { token, ...(fields && { fields: Object.freeze({ ...fields }) }) },
      {
        cost,
        imputed,
        taskId,
        expiresAt: new Date(Number.isNaN(until) ? latest : Math.min(until, latest)),
        report: async (good) => {
          const action = good ? 'accepted' : 'rejected'
          this.#context.emit(action, this.#eventOf(solve), action)
          if (id !== undefined && !this.#context.closed) await this.#calls.report(solve.grant.token.secret, id, good)
        },
        onInjected: (error, notifyFailure) => {
          const ok = error === undefined
          this.#context.emit('injected', { ...this.#eventOf(solve), ok, code: error?.code }, 'injected')
          if (notifyFailure) this.#notifyFailed(solve, notifyFailure)
        },
      },
    )
  }

  #notifyFailed(solve: RemoteSolve, reason: NotifyFailure): void {
    const message = describeNotifyFailure(reason)
    if (this.#context.isObserved('notifyFailed')) {
      this.#context.emit('notifyFailed', { ...this.#eventOf(solve), reason, message }, message)
    } else process.emitWarning(message, { type: 'SolveguardNotifyFailed' })
  }

  #eventOf({ id, challenge }: RemoteSolve) {
    return { solveId: id, solver: BROKER, challenge, at: new Date(this.#context.clock.now()) }
  }

  /** What the layers say that are decided here. The broker is not asked. @param at wall-clock ms */
  explain(
    grant: GrantContext,
    challengeOrUrl: AnyChallenge | string,
    at = this.#context.clock.now(),
    pageLoad?: object,
  ): Verdict {
    if (this.#context.closed) throw closed()
    const { findings, free } = explainFreeLayers(grant, challengeOrUrl, at, () =>
      this.#pageLimits.check(grant, pageLoad),
    )
    const isFree = free !== undefined
    for (const layer of ['secret', 'network', 'spending'] as const) findings.note(layer, free ?? UNASKED, isFree)
    findings.note('audit', UNASKED)
    return findings.verdict()
  }

  /** @throws SolveguardError `GUARD_CLOSED` */
  denyUnnamed(grant: GrantContext, pageUrl: string, frameUrl: string | undefined): DeniedError | undefined {
    if (this.#context.closed) throw closed()
    const ofFrame = () => (frameUrl === undefined ? undefined : grant.gate.originDenial('frame', frameUrl))
    const error = grant.gate.originDenial('page', pageUrl) ?? ofFrame()
    if (error) this.#reporter.denied(grant, { pageUrl, frameUrl }, undefined, error)
    return error
  }

  /** The number of solves that have not ended. */
  get underWay(): number {
    return this.#underWay.size + this.#proofOfWork.underWay
  }

  /** Rejects every solve. What the broker has accepted, its guard follows to the end. */
  async close(): Promise<void> {
    this.#proofOfWork.close()
    this.#calls.close()
    await waitAtMost(Promise.allSettled([...this.#underWay]), this.#context.clock, CLOSE_TIMEOUT_MS)
  }
}
