import type { AnyChallenge } from '../../base/challenge.js'
import { type Code, SolveguardError } from '../../base/errors.js'
import type { Call, Reply } from '../../base/wire.js'
import type { WireLog } from '../../egress/har.js'
import { type Purpose, type SendOptions, type Transport, TransportError } from '../../egress/transport.js'
import { type Money, ZERO } from '../../policy/money.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { BatchPollResult, Failure, FailureClass, Pending, Ready, Submitted } from '../../solvers/solver.js'
import { isCompleteAnswer } from '../../widgets/table.js'
import type { Account } from '../accounts/account.js'
import type { AccountPauser } from '../accounts/pauses.js'
import { abandoned, asSolveguardError } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { GuardContext, KeyClock, Notifier } from '../ports.js'
import { redactReply } from './redact.js'
import type { SolverTask, TaskOutcome } from './solver-task.js'
import { type PollGroup, type Send, TaskPoller } from './task-poller.js'

const MAX_CALL_MS = 30_000
const MAX_BACKOFF_MS = 30_000

/** How calls are sent. */
const CALLS: Readonly<Record<Purpose, SendOptions>> = {
  submit: { purpose: 'submit', timeoutMs: MAX_CALL_MS },
  poll: { purpose: 'poll', timeoutMs: MAX_CALL_MS },
  report: { purpose: 'report', timeoutMs: MAX_CALL_MS },
  balance: { purpose: 'balance', timeoutMs: MAX_CALL_MS },
}

/** What it takes of the guard. */
export interface SolverClientDeps
  extends Pick<GuardContext, 'clock' | 'closed'>,
    KeyClock,
    Pick<Notifier, 'emit' | 'isObserved'>,
    AccountPauser {
  readonly keyRegistry: Pick<KeyRegistry, 'admit' | 'markUsed'>
  /** Where there is one, calls say which replies may hold an answer. */
  readonly wireLog: WireLog | undefined
}

/** The conversation with a solver service: hands in, asks, and knows what each failure means for the money. */
export class SolverClient {
  readonly #deps: SolverClientDeps
  /** The tasks of each account that wait to be polled together. */
  readonly #pollGroups = new WeakMap<Account, PollGroup>()
  /** Made once: thousands of tasks wait at a time. */
  readonly #poll: Send = (task, call, read) => this.#send(task, 'poll', call, read)

  constructor(deps: SolverClientDeps) {
    this.#deps = deps
  }

  /**
   * Hands a challenge in. Tries again, under the same reservation, only while the service certainly took nothing. When a reply never
   * came it may have: then the attempt counts as spent, and another one needs a reservation of its own.
   */
  async submit(
    task: SolverTask,
    challenge: AnyChallenge,
    proxy: PageProxy | undefined,
  ): Promise<Submitted | TaskOutcome> {
    const { solver } = task.account
    const call = solver.submit(challenge, proxy)
    const refused: SecretVersion[] = []
    let busySince: number | undefined
    for (let tries = 0; ; tries++) {
      if (task.abandoned || this.#deps.closed) return failed(abandoned(), ZERO)
      // Asleep for too long, perhaps: what is sent now would count as of a time that is long past.
      if (this.#deps.clock.now() >= task.reservationExpiresAt) {
        return failed(this.timeoutError(task, 'The reservation lapsed before the service took the task.'), ZERO)
      }
      const result = await this.#send(task, 'submit', call, (reply) => solver.readSubmit(reply, task.family))
      if (result.kind === 'submitted') return result
      task.lastFailure = result
      if (result.ambiguous) return failed(this.#errorOf(task, result), task.amount, true)
      switch (result.class) {
        case 'busy':
        case 'invalid': {
          const wait = backoff(result, tries)
          const now = this.#deps.clock.monotonic()
          busySince ??= now
          if (task.fallbackAfterMs !== undefined && now - busySince + wait > task.fallbackAfterMs) {
            return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'busy' }
          }
          const inMs = this.#reportRetry(task, result, wait)
          // Whoever was told may have given up.
          if (!task.abandoned) await this.#wait(task, inMs)
          break
        }
        case 'key': {
          const problem = await this.#changeKey(task, refused, result)
          if (problem) return { ...failed(problem, ZERO), fallback: 'refused' }
          break
        }
        case 'address':
        case 'balance':
        case 'unsupported':
          return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'refused' }
        default:
          // An error that nobody knows may have cost something; for each known one the solver's table says whether.
          return failed(this.#errorOf(task, result), result.charged ? task.amount : ZERO, result.class === 'unsolvable')
      }
    }
  }

  /**
   * Asks, by the service's manners, until the task has ended, its reservation lapses, or the guard closes.
   * @param justSubmitted whether it has just been handed in: the task of a process that died was handed in some time ago
   */
  async follow(task: SolverTask, taskId: string, justSubmitted = true): Promise<TaskOutcome> {
    const { clock } = this.#deps
    const poller = new TaskPoller(task, taskId, clock, justSubmitted, this.#pollGroupOf(task.account))
    try {
      let refused: SecretVersion[] | undefined
      let { wait } = poller
      for (let failures = 0; ; ) {
        await this.#wait(task, Math.min(wait, task.reservationExpiresAt - clock.now()))
        if (this.#deps.closed) return { kind: 'detached' }
        if (clock.now() >= task.reservationExpiresAt) {
          const { lastFailure } = task
          const error = lastFailure ? this.#errorOf(task, lastFailure) : timeout('The task did not end in time.')
          return failed(error, task.amount)
        }
        const result = await poller.poll(this.#poll)
        if (result.kind === 'ready') return this.outcomeOf(task, result)
        wait = poller.wait
        if (result.kind === 'pending') {
          task.lastFailure = undefined
          task.notReadyAt = clock.now()
          continue
        }
        task.lastFailure = result
        switch (result.class) {
          case 'busy':
          case 'invalid':
            wait = this.#reportRetry(task, result, Math.max(wait, backoff(result, failures++)))
            break
          case 'key': {
            refused ??= []
            const problem = await this.#changeKey(task, refused, result)
            if (problem) return failed(problem, task.amount)
            break
          }
          case 'unsolvable':
          case 'proxy':
            return failed(
              this.#errorOf(task, result),
              result.charged ? task.amount : ZERO,
              result.class === 'unsolvable',
            )
          default:
            // The service took the task: whatever it says of it now, it may charge for it.
            return failed(this.#errorOf(task, result), task.amount)
        }
      }
    } finally {
      poller.end()
    }
  }

  #pollGroupOf(account: Account): PollGroup {
    const known = this.#pollGroups.get(account)
    if (known) return known
    const group: PollGroup = new Set()
    this.#pollGroups.set(account, group)
    return group
  }

  /** The outcome of a task that the service has answered. */
  outcomeOf(task: SolverTask, { answer, cost = task.amount }: Ready): TaskOutcome {
    return isCompleteAnswer(task.family, answer) ? { kind: 'solved', answer, cost } : failed(partialAnswer(), cost)
  }

  /** What kept a task from ending in time. */
  timeoutError(task: SolverTask, what: string): SolveguardError {
    const { lastFailure } = task
    if (!lastFailure) return timeout(what)
    return new SolveguardError(codeOf(lastFailure), `${what} Last: ${lastFailure.message}`, {
      details: { solverCode: lastFailure.code },
    })
  }

  async #send<T extends Submitted | Ready | Pending | BatchPollResult>(
    task: SolverTask,
    purpose: Purpose,
    call: Call,
    read: (reply: Reply) => T | Failure,
  ): Promise<T | Failure> {
    task.sentInEpoch = task.account.keys.epoch
    this.#deps.keyRegistry.markUsed(task.account, task.key)
    try {
      const options = this.#deps.wireLog ? loggedOptions(purpose, read) : CALLS[purpose]
      const reply = await task.transport.send(call, task.key.value, options)
      return redactReply(reply, read, call.sensitive)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      const unreadable = error.reason === 'too-large' || error.reason === 'cut-off'
      return {
        kind: 'failure',
        class: unreadable ? 'invalid' : 'busy',
        code: error.reason.toUpperCase(),
        message: error.message,
        charged: false,
        ambiguous: error.delivered === 'unknown',
      }
    }
  }

  /** Has the task go on with another version of the key. When there is none left the guard is paused, and this is why. */
  async #changeKey(task: SolverTask, refused: SecretVersion[], result: Failure): Promise<SolveguardError | undefined> {
    refused.push(task.key)
    try {
      const key = await task.account.keys.nextVersion(refused, task.sentInEpoch, this.#deps.clock.monotonic())
      if (key) {
        task.gate.admitKey(key, this.#deps.keyTime())
        await this.#deps.keyRegistry.admit(task.account, key)
        task.key = key
        return undefined
      }
    } catch (error) {
      // Paused all the same: the next solve would send the refused key again, and that gets an address banned.
      this.#errorOf(task, result)
      return asSolveguardError(error, 'SECRET_UNAVAILABLE')
    }
    return this.#errorOf(task, result)
  }

  /** A failure as an error of ours. Those that only a person can mend pause the guard. */
  #errorOf(task: SolverTask, result: Failure): SolveguardError {
    const code = codeOf(result)
    const help =
      result.class === 'address'
        ? ` We left by: ${describeRoute(task.transport)}. ${task.account.solver.addressHelp}`
        : ''
    const error = new SolveguardError(code, result.message + help, { details: { solverCode: result.code } })
    if (PAUSING_CLASSES.has(result.class)) this.#deps.pause(task.account, code, error.message)
    return error
  }

  /** Tells that a call is going to be made again, and why. */
  #reportRetry(task: SolverTask, result: Failure, inMs: number): number {
    if (this.#deps.isObserved('retrying')) {
      const at = new Date(this.#deps.clock.now())
      const { message } = result
      this.#deps.emit('retrying', { solveId: task.id, code: codeOf(result), message, inMs, at }, message)
    }
    return inMs
  }

  /** Waits between two calls; ends early when nobody needs the answer any more, or the guard closes. */
  #wait(task: SolverTask, ms: number): Promise<void> | undefined {
    if (ms <= 0 || this.#deps.closed) return
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        task.wake = undefined
        resolve()
      }
      const cancel = this.#deps.clock.after(ms, done)
      task.wake = done
    })
  }
}

/** How a call is sent of which a wire log is kept: that has to know what a reply is, before it is read here. */
function loggedOptions(
  purpose: Purpose,
  read: (reply: Reply) => Submitted | Ready | Pending | BatchPollResult | Failure,
): SendOptions {
  return { ...CALLS[purpose], mayHoldAnswer: (reply) => mayAnswer(read(reply)) }
}

/** Whether a reply that was read so may hold an answer: it does, or nobody knows what it holds. */
function mayAnswer(result: Submitted | Ready | Pending | BatchPollResult | Failure): boolean {
  switch (result.kind) {
    case 'submitted':
      return result.ready !== undefined
    case 'batch':
      return result.results.some(mayAnswer)
    case 'failure':
      return result.class === 'invalid'
    default:
      return result.kind !== 'pending'
  }
}

function describeRoute({ route, address }: Transport): string {
  return address === undefined ? route : `${route}, from ${address}`
}

const PAUSING_CLASSES: ReadonlySet<FailureClass> = new Set(['key', 'address', 'balance'])

const CODE_OF_CLASS: Readonly<Record<FailureClass, Code>> = {
  busy: 'SOLVER_BUSY',
  invalid: 'SOLVER_REPLY_INVALID',
  unsolvable: 'CAPTCHA_UNSOLVABLE',
  request: 'SOLVER_REFUSED',
  unsupported: 'FAMILY_UNSUPPORTED',
  proxy: 'PAGE_PROXY_FAILED',
  key: 'KEY_REFUSED',
  address: 'ADDRESS_REFUSED',
  balance: 'BALANCE_EMPTY',
  unknown: 'SOLVER_ERROR',
}

/** The transport's reasons for which the service was never reached, or never answered. */
const UNREACHED_REASONS: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMEOUT', 'PROXY', 'ABORTED'])

function codeOf(result: Failure): Code {
  return UNREACHED_REASONS.has(result.code) ? 'SOLVER_UNREACHABLE' : CODE_OF_CLASS[result.class]
}

function failed(error: SolveguardError, cost: Money, retry = false): Extract<TaskOutcome, { kind: 'failed' }> {
  return { kind: 'failed', error, cost, retry }
}

function timeout(message: string): SolveguardError {
  return new SolveguardError('SOLVE_TIMEOUT', message)
}

function partialAnswer(): SolveguardError {
  return new SolveguardError('SOLVER_REPLY_INVALID', "The service's answer lacks values that this family has to have.")
}

/** What the service's manners ask for, or exponential and capped; with jitter, so that many do not come back at once. */
function backoff({ retryAfterMs }: Failure, tries: number): number {
  return (retryAfterMs ?? Math.min(1000 * 2 ** tries, MAX_BACKOFF_MS)) * (1 + Math.random() * 0.25)
}
