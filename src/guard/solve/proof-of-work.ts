import { randomUUID } from 'node:crypto'
import type { AbortWatch } from '../../base/abort.js'
import { isPromise } from '../../base/async.js'
import type { Answer, Challenge } from '../../base/challenge.js'
import { SolveguardError } from '../../base/errors.js'
import { formatMs } from '../../policy/duration.js'
import { ZERO } from '../../policy/money.js'
import { WIDGETS } from '../../widgets/table.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { aborted, asSolveguardError, closed } from '../errors.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { Solution, SolveOptions } from '../types.js'
import { type AuditEventDeps, auditEvent, type EventFields } from './audit-event.js'
import { RedactedSolution } from './solution.js'

/** The code of these records and events: the browser solved it, no service was called and nothing was spent. */
const CODE = 'PROOF_OF_WORK'

/** Whether a challenge is a proof of work, which the browser computes by itself. */
export function isProofOfWork(challenge: Challenge): boolean {
  return WIDGETS[challenge.family].interaction(challenge) === 'proof-of-work'
}

/** What a proof of work needs from the guard. */
export interface ProofOfWorkDeps extends AuditEventDeps, Pick<GuardContext, 'closed'>, Pick<Notifier, 'emit'> {
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'write'>
}

/** The options of a solve that are about work in the browser. */
interface WorkOptions extends Pick<SolveOptions, 'runProofOfWork'> {
  readonly signal?: AbortWatch | undefined
}

/**
 * Solves that need no solver: the browser computes a proof of work. Like every solve they pass the free layers, are
 * recorded, and have a deadline. They have no key, no call, no reservation and no cost.
 */
export class ProofOfWork {
  readonly #deps: ProofOfWorkDeps
  /** One function for each solve under way: it ends the solve with an error. */
  readonly #underWay = new Set<(error: SolveguardError) => void>()

  constructor(deps: ProofOfWorkDeps) {
    this.#deps = deps
  }

  /** @throws SolveguardError the error of `runProofOfWork`; `DeniedError` `AUDIT_UNAVAILABLE` before that has begun */
  async solve(
    grant: GrantContext,
    challenge: Challenge,
    admitted: AdmittedPage,
    { runProofOfWork, signal }: WorkOptions,
  ): Promise<Solution> {
    if (!runProofOfWork) throw noSolver(challenge)
    const { clock, recorder } = this.#deps
    const solveId = randomUUID()
    const event = (action: 'authorized' | 'solved' | 'failed', fields: EventFields) =>
      auditEvent(this.#deps, action, grant, challenge, admitted, { solveId, solver: 'browser', ...fields })
    const written = recorder.writeOrDeny(event('authorized', { code: CODE, reserved: ZERO }))
    if (isPromise(written)) await written
    const startedAt = clock.monotonic()
    const facts = () => ({ solveId, solver: 'browser', challenge, at: new Date(clock.now()) })
    this.#deps.emit('authorized', { ...facts(), reserved: ZERO }, 'authorized at no cost: proof of work')
    try {
      const answer = await this.#within(grant.policy.deadlineMs as number, signal, runProofOfWork)
      const durationMs = clock.monotonic() - startedAt
      recorder.write(event('solved', { code: CODE, cost: ZERO, durationMs }))
      this.#deps.emit('solved', { ...facts(), taskId: '', cost: ZERO, durationMs }, 'solved at no cost: proof of work')
      return new RedactedSolution(answer, {
        cost: ZERO,
        imputed: false,
        taskId: '',
        expiresAt: new Date(clock.now() + WIDGETS[challenge.family].tokenLifetimeMs),
        report: async () => {},
        onInjected: () => {},
      })
    } catch (thrown) {
      const error = asSolveguardError(thrown, 'WIDGET_FAILED')
      const { code, message } = error
      const durationMs = clock.monotonic() - startedAt
      recorder.write(event('failed', { code, message, cost: ZERO, durationMs }))
      this.#deps.emit('failed', { ...facts(), code, message, cost: ZERO, durationMs }, message)
      throw error
    }
  }

  get underWay(): number {
    return this.#underWay.size
  }

  /** Rejects every proof of work under way. */
  close(): void {
    for (const end of this.#underWay) end(closed())
  }

  /** Runs the work until it is done, its time is up, the caller aborts, or the guard closes. */
  #within(
    ms: number,
    signal: AbortWatch | undefined,
    runProofOfWork: NonNullable<SolveOptions['runProofOfWork']>,
  ): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const controller = new AbortController()
      const settle = (): void => {
        this.#underWay.delete(end)
        cancel()
        signal?.removeEventListener('abort', abort)
      }
      const end = (error: SolveguardError): void => {
        settle()
        reject(error)
        controller.abort()
      }
      const abort = (): void => end(aborted())
      const cancel = this.#deps.clock.after(ms, () =>
        end(new SolveguardError('SOLVE_TIMEOUT', `The widget did not finish within ${formatMs(ms)}.`)),
      )
      this.#underWay.add(end)
      signal?.addEventListener('abort', abort, { once: true })
      if (this.#deps.closed) return end(closed())
      if (signal?.aborted) return abort()
      Promise.resolve(controller.signal)
        .then(runProofOfWork)
        .then(
          (answer) => {
            settle()
            resolve(answer)
          },
          (error) => {
            settle()
            reject(error)
          },
        )
    })
  }
}

function noSolver({ family }: Challenge): SolveguardError {
  return new SolveguardError(
    'FAMILY_UNSUPPORTED',
    `${family} needs no solver: the browser computes its proof of work at no cost. Use captcha.solve(page).`,
  )
}
