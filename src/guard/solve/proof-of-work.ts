import { randomUUID } from 'node:crypto'
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

/** What such records and events have for a code: the browser did it, no service was asked and nothing was spent. */
const CODE = 'PROOF_OF_WORK'

/** Whether a challenge is one that the browser works out by itself. */
export function isProofOfWork(challenge: Challenge): boolean {
  return WIDGETS[challenge.family].interaction(challenge) === 'proof-of-work'
}

/** What it takes of the guard. */
export interface ProofOfWorkDeps extends AuditEventDeps, Pick<GuardContext, 'closed'>, Pick<Notifier, 'emit'> {
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'write'>
}

/**
 * Solves that need no solver: a proof of work that the browser works out. They go through the free layers and onto the
 * record like all others, and end by the deadline; there is no key, no call, no reservation and no cost.
 */
export class ProofOfWork {
  readonly #deps: ProofOfWorkDeps
  /** What ends the ones under way. */
  readonly #underWay = new Set<(error: SolveguardError) => void>()

  constructor(deps: ProofOfWorkDeps) {
    this.#deps = deps
  }

  /** @throws SolveguardError whatever the work fails with; `DeniedError` `AUDIT_UNAVAILABLE`, before it has begun */
  async solve(
    grant: GrantContext,
    challenge: Challenge,
    admitted: AdmittedPage,
    { runProofOfWork: work, signal }: SolveOptions,
  ): Promise<Solution> {
    if (!work) throw noSolver(challenge)
    const { clock, recorder } = this.#deps
    const solveId = randomUUID()
    const event = (action: 'authorized' | 'solved' | 'failed', more: EventFields) =>
      auditEvent(this.#deps, action, grant, challenge, admitted, { solveId, solver: 'browser', ...more })
    const written = recorder.writeOrDeny(event('authorized', { code: CODE, reserved: ZERO }))
    if (isPromise(written)) await written
    const startedAt = clock.monotonic()
    const facts = () => ({ solveId, solver: 'browser', challenge, at: new Date(clock.now()) })
    this.#deps.emit('authorized', { ...facts(), reserved: ZERO }, 'authorized, for nothing: the browser works it out')
    try {
      const answer = await this.#within(grant.policy.deadlineMs as number, signal, work)
      const durationMs = clock.monotonic() - startedAt
      recorder.write(event('solved', { code: CODE, cost: ZERO, durationMs }))
      this.#deps.emit('solved', { ...facts(), taskId: '', cost: ZERO, durationMs }, 'the browser has worked it out')
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

  /** Ends every one of this process for its caller. */
  close(): void {
    for (const end of this.#underWay) end(closed())
  }

  /** Does the work until it is done, or the time is up, or nobody wants it any more. */
  #within(
    ms: number,
    signal: AbortSignal | undefined,
    work: NonNullable<SolveOptions['runProofOfWork']>,
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
        end(new SolveguardError('SOLVE_TIMEOUT', `The widget was not done within ${formatMs(ms)}.`)),
      )
      this.#underWay.add(end)
      signal?.addEventListener('abort', abort, { once: true })
      if (this.#deps.closed) return end(closed())
      if (signal?.aborted) return abort()
      Promise.resolve(controller.signal)
        .then(work)
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
    `No solver is needed for ${family}: the browser works it out by itself, for nothing. Use captcha.solve(page).`,
  )
}
