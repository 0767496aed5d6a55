import type { AnyChallenge } from '../../base/challenge.js'
import { type Code, SolveguardError } from '../../base/errors.js'
import type { Call, Reply } from '../../base/wire.js'
import type { WireLog } from '../../egress/har.js'
import { type Purpose, type SendOptions, type Transport, TransportError } from '../../egress/transport.js'
import { formatUsd, type Money, ZERO } from '../../policy/money.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Failure, FailureClass, Ready, Submitted, ThreadsInfo } from '../../solvers/solver.js'
import { isCompleteAnswer } from '../../widgets/table.js'
import { type Account, kindOf } from '../accounts/account.js'
import type { AccountPauser } from '../accounts/pauses.js'
import type { Callbacks } from '../callbacks/callbacks.js'
import { abandoned, asSolveguardError } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { GuardContext, KeyClock, Notifier } from '../ports.js'
import { type Result, redactReply } from './redact.js'
import { bookedCost, costFloor } from './reported-cost.js'
import type { SolverTask, TaskOutcome } from './solver-task.js'
import { type PollGroup, type Send, TaskPoller } from './task-poller.js'

const CALL_TIMEOUT_MS = 30_000
const MAX_BACKOFF_MS = 30_000
/** How often the threads of an account are asked for, at most. */
const THREADS_EVERY_MS = 5_000
/** After so many refusals in a row while threads are free, a plan has ended. */
const MAX_REFUSALS = 3
/** How many unknown errors a process reports at most. */
const MAX_UNKNOWN_ERRORS = 100

/** The send options of each purpose. A submit has a limit of its own for connecting. */
const CALLS: Readonly<Record<Purpose, SendOptions>> = {
  submit: { purpose: 'submit', timeoutMs: CALL_TIMEOUT_MS },
  poll: { purpose: 'poll', timeoutMs: CALL_TIMEOUT_MS },
  report: { purpose: 'report', timeoutMs: CALL_TIMEOUT_MS },
  balance: { purpose: 'balance', timeoutMs: CALL_TIMEOUT_MS },
}

/** What the client needs from the guard. */
export interface SolverClientDeps
  extends Pick<GuardContext, 'clock' | 'closed'>,
    KeyClock,
    Pick<Notifier, 'alert' | 'emit' | 'isObserved'>,
    AccountPauser {
  readonly balanceMonitor: {
    /** Reads the account's balance sooner than its interval. */
    readSoon(account: Account): void
  }
  readonly keyRegistry: Pick<KeyRegistry, 'admit' | 'markUsed'>
  readonly callbacks: Pick<Callbacks, 'expect'>
  /** How long a submit may try to connect, ms. */
  readonly connectWithinMs: number
  /** If present, each call states which replies may hold an answer: the log masks those. */
  readonly wireLog: WireLog | undefined
}

/** Calls a solver service: submits, polls, and decides what each failure costs. */
export class SolverClient {
  readonly #deps: SolverClientDeps
  /** The tasks of each account that one call can poll together. */
  readonly #pollGroups = new WeakMap<Account, PollGroup>()
  /** The accounts whose service has reported a cost below the floor. */
  readonly #belowFloor = new WeakSet<Account>()
  /** When an account's threads were last asked for, and how often in a row it refused while threads were free. */
  readonly #threads = new WeakMap<Account, { askedAt: number; refusals: number }>()
  /** The unknown errors that were reported, each with its account. */
  readonly #unknownErrors = new Set<string>()
  /** The accounts that could not be reached, and for which a process warning was emitted. */
  readonly #unreachable = new Set<Account>()
  readonly #submitOptions: SendOptions
  /** Created once, and not for each task: thousands of tasks wait at a time. */
  readonly #poll: Send = (task, call, read) => this.#send(task, 'poll', call, read)

  constructor(deps: SolverClientDeps) {
    this.#deps = deps
    this.#submitOptions = { ...CALLS.submit, connectWithinMs: deps.connectWithinMs }
  }

  /**
   * Submits a challenge. Retries under the same reservation only while the service has certainly accepted nothing. If a
   * reply was lost, the service may have accepted a task: the attempt counts as spent, and another one needs a new
   * reservation.
   */
  async submit(
    task: SolverTask,
    challenge: AnyChallenge,
    proxy: PageProxy | undefined,
  ): Promise<Submitted | TaskOutcome> {
    const { solver } = task.account
    const call = this.#withCallback(task, solver.submit(challenge, proxy))
    const refused: SecretVersion[] = []
    let busySince: number | undefined
    /** The start of the first of the latest tries that reached no service; monotonic ms. */
    let unreachedSince: number | undefined
    let options = this.#submitOptions
    for (let tries = 0; ; tries++) {
      if (task.abandoned || this.#deps.closed) return failed(abandoned(), ZERO)
      // The process may have been suspended: a task submitted now would have no reservation.
      if (this.#deps.clock.now() >= task.reservationExpiresAt) {
        return failed(this.timeoutError(task, 'The reservation expired before the service accepted the task.'), ZERO)
      }
      const sentAt = this.#deps.clock.monotonic()
      const result = await this.#send(task, 'submit', call, (reply) => solver.readSubmit(reply, task.family), options)
      if (result.kind === 'submitted') {
        if (solver.threadsInfo) this.#threads.delete(task.account)
        if (task.account.taskIds.add(result.taskId)) return result
        this.#reportRepeated(task)
        return repeated(task)
      }
      task.lastFailure = result
      if (result.ambiguous) return failed(this.#errorOf(task, result), task.amount, true)
      task.mayBeCharged = false
      switch (result.class) {
        case 'busy':
        case 'invalid': {
          if (result.maybeEnded && solver.threadsInfo && (await this.#planHasEnded(task, solver.threadsInfo))) {
            const ended: Failure = { ...result, class: 'balance', message: solver.threadsInfo.endedMessage }
            return { ...failed(this.#errorOf(task, ended), ZERO), fallback: 'refused' }
          }
          const wait = backoff(result, tries)
          const now = this.#deps.clock.monotonic()
          unreachedSince = isUnreached(result) ? (unreachedSince ?? sentAt) : undefined
          const connectMs =
            this.#deps.connectWithinMs - (unreachedSince === undefined ? 0 : now + wait - unreachedSince)
          // Nothing was sent: the error has the words of the retries before it.
          if (connectMs <= 0) return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'refused' }
          options = { ...CALLS.submit, connectWithinMs: connectMs }
          busySince ??= now
          if (task.fallbackAfterMs !== undefined && now - busySince + wait > task.fallbackAfterMs) {
            return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'busy' }
          }
          const inMs = this.#reportRetry(task, result, wait)
          // A listener of the event may have aborted the solve.
          if (!task.abandoned) await this.#wait(task, inMs)
          break
        }
        case 'key': {
          const problem = await this.#changeKey(task, refused, result)
          if (problem) return { ...failed(problem, ZERO), fallback: 'refused' }
          break
        }
        case 'unsupported':
          this.#reportNotOffered(task, kindOf(challenge, proxy !== undefined), result)
          return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'refused' }
        case 'address':
        case 'balance':
          return { ...failed(this.#errorOf(task, result), ZERO), fallback: 'refused' }
        default:
          if (result.class === 'unknown') this.#reportUnknown(task, result)
          // The solver's table says of each known error whether it is charged. An unknown one counts as charged if the
          // reply names a task.
          return failed(this.#errorOf(task, result), result.charged ? task.amount : ZERO, result.class === 'unsolvable')
      }
    }
  }

  /** Asks the service to call back when the task is done. What was asked for in an earlier attempt counts no more. */
  #withCallback(task: SolverTask, call: Call): Call {
    const { account } = task
    task.callback?.end()
    task.callback = this.#deps.callbacks.expect(account, task)
    const { callbackField } = account.solver
    if (!task.callback || callbackField === undefined) return call
    return { ...call, fields: { ...call.fields, [callbackField]: task.callback.url } }
  }

  /**
   * Polls, within the service's limits, until the task has ended, its reservation expires, or the guard closes.
   * @param justSubmitted whether the task has just been submitted; false for a recovered task, which is some time old
   */
  async follow(task: SolverTask, taskId: string, justSubmitted = true): Promise<TaskOutcome> {
    const { clock } = this.#deps
    const poller = new TaskPoller(task, taskId, clock, justSubmitted, this.#pollGroupOf(task.account))
    if (!justSubmitted) task.account.taskIds.add(taskId)
    try {
      let refused: SecretVersion[] | undefined
      let { wait } = poller
      for (let failures = 0; ; ) {
        await this.#wait(task, Math.min(wait, task.reservationExpiresAt - clock.now()))
        if (this.#deps.closed) return { kind: 'detached' }
        if (task.isRepeated) return repeated(task)
        if (clock.now() >= task.reservationExpiresAt) {
          const { lastFailure } = task
          const error = lastFailure ? this.#errorOf(task, lastFailure) : timeout('The task did not end in time.')
          return failed(error, task.amount)
        }
        const result = await poller.poll(this.#poll)
        if (task.isRepeated) return repeated(task)
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
            // The service has accepted the task, so it may charge for it, whatever this reply says.
            return failed(this.#errorOf(task, result), task.amount)
        }
      }
    } finally {
      poller.end()
    }
  }

  /**
   * The outcome of a task that ended in an unexpected error, in this package or in a solver of the user's. What may be
   * charged counts as spent.
   */
  unexpected(task: SolverTask, error: unknown): TaskOutcome {
    return failed(asSolveguardError(error, 'SOLVER_ERROR'), task.mayBeCharged ? task.amount : ZERO)
  }

  /** By the ledger, another process has the task: it ends. */
  endRepeated(task: SolverTask): void {
    task.isRepeated = true
    this.#reportRepeated(task)
    task.wake?.()
  }

  #reportRepeated({ account: { name } }: SolverTask): void {
    this.#deps.alert(
      'TASK_ID_REPEATED',
      `${repeatedFact(name)}: such a solve fails, and counts as spent. Check baseUrl, and what repeats replies on ` +
        'the way to the service.',
      undefined,
      { about: name },
    )
  }

  /**
   * Whether a refusal means that the account's plan has ended, and not that its threads are busy. Asks at intervals,
   * for all solves of the account. A thread may have been freed since the refusal: a plan has ended when it has no
   * threads, or when the service refuses again and again, and accepts nothing, while threads are free.
   */
  async #planHasEnded(task: SolverTask, { call, read }: ThreadsInfo): Promise<boolean> {
    const { account } = task
    const now = this.#deps.clock.monotonic()
    const seen = this.#threads.get(account) ?? { askedAt: Number.NEGATIVE_INFINITY, refusals: 0 }
    if (now - seen.askedAt < THREADS_EVERY_MS) return false
    seen.askedAt = now
    this.#threads.set(account, seen)
    const threads = await this.#send(task, 'balance', call(), read)
    if (threads.kind !== 'threads') return false
    if (threads.total === 0) return true
    seen.refusals = threads.busy < threads.total ? seen.refusals + 1 : 0
    return seen.refusals >= MAX_REFUSALS
  }

  /** A kind of task that the service no longer does is not asked for again for a day. */
  #reportNotOffered({ account }: SolverTask, kind: string, { code, message }: Failure): void {
    if (!account.markNotOffered(kind, this.#deps.clock.monotonic())) return
    this.#deps.alert(
      'FAMILY_UNSUPPORTED',
      `${account.name} does not do ${kind} any more. ${message} For a day it is not asked for that.`,
      undefined,
      { about: `${account.name} ${kind} ${code}` },
    )
  }

  /** An error that is not in the table: a person should look it up. Reported once. */
  #reportUnknown({ account }: SolverTask, { code, message, charged }: Failure): void {
    const about = `${account.name} ${code}`
    if (this.#unknownErrors.has(about) || this.#unknownErrors.size >= MAX_UNKNOWN_ERRORS) return
    this.#unknownErrors.add(about)
    this.#deps.alert(
      'SOLVER_ERROR',
      `${account.name} refused a submit. ${message}${charged ? '' : ' Nothing was spent.'}`,
      undefined,
      { about },
    )
  }

  #pollGroupOf(account: Account): PollGroup {
    const known = this.#pollGroups.get(account)
    if (known) return known
    const group: PollGroup = new Set()
    this.#pollGroups.set(account, group)
    return group
  }

  /** The outcome of a task for which the service has returned an answer. */
  outcomeOf(task: SolverTask, { answer, cost: reported }: Ready): TaskOutcome {
    const cost = reported === undefined ? task.amount : this.#costOf(task, reported)
    return isCompleteAnswer(task.family, answer) ? { kind: 'solved', answer, cost } : failed(partialAnswer(), cost)
  }

  /** What a solve counts as, if the service reports a cost. Raises an alert where the two differ from what is usual. */
  #costOf({ account, amount }: SolverTask, reported: Money): Money {
    const { name, solver } = account
    const floor = solver.trustCost ? ZERO : costFloor(amount)
    const cost = bookedCost(reported, amount, floor)
    if (cost > amount) {
      const fact = `A solve cost ${formatUsd(cost)}, more than the ${formatUsd(amount)} reserved for it`
      const message = `${fact}; correct the solver's pricing.`
      this.#deps.alert('PRICE_ABOVE_RESERVED', message, undefined, { about: name })
    }
    if (reported < floor) {
      this.#deps.balanceMonitor.readSoon(account)
      if (!this.#belowFloor.has(account)) {
        this.#belowFloor.add(account)
        const message =
          `${name} reports that a solve cost less than ${formatUsd(floor)}, half of its price: such a solve counts as ` +
          `${formatUsd(floor)}. If the cost is right, correct the solver's pricing, or set trustCost: true.`
        this.#deps.alert('COST_BELOW_FLOOR', message, undefined, { about: name })
      }
    }
    return cost
  }

  /** The error of a task that did not end in time: with the code and message of its last failure, if any. */
  timeoutError(task: SolverTask, fact: string): SolveguardError {
    const { lastFailure } = task
    if (!lastFailure) return timeout(fact)
    return new SolveguardError(codeOf(lastFailure), `${fact} Last failure: ${lastFailure.message}`, {
      details: { solverCode: lastFailure.code },
    })
  }

  async #send<T extends Result>(
    task: SolverTask,
    purpose: Purpose,
    call: Call,
    read: (reply: Reply) => T | Failure,
    options = CALLS[purpose],
  ): Promise<T | Failure> {
    task.sentInEpoch = task.account.keys.epoch
    this.#deps.keyRegistry.markUsed(task.account, task.key)
    if (purpose === 'submit') task.mayBeCharged = true
    const logged = this.#deps.wireLog && loggedOptions(options, read)
    let reply: Reply
    try {
      reply = await task.transport.send(call, task.key.value, logged ?? options)
    } catch (error) {
      if (!(error instanceof TransportError)) {
        // The transport refused the call: nothing was sent. A solver that fails on a reply is something else.
        if (purpose === 'submit' && !logged?.replied && error instanceof SolveguardError) task.mayBeCharged = false
        throw error
      }
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
    if (this.#unreachable.size > 0) this.#unreachable.delete(task.account)
    return redactReply(reply, read, call.sensitive)
  }

  /** Switches the task to another version of the key. If none is left: pauses the account, and returns the error. */
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
      // Pauses too: the next solve would send the refused key again, and services ban an address for that.
      this.#errorOf(task, result)
      return asSolveguardError(error, 'SECRET_UNAVAILABLE')
    }
    return this.#errorOf(task, result)
  }

  /** The error of a failure. A failure that only an operator can fix pauses the account. */
  #errorOf(task: SolverTask, result: Failure): SolveguardError {
    const code = codeOf(result)
    const help =
      result.class === 'address'
        ? ` The call was sent by this route: ${describeRoute(task.transport)}. ${task.account.solver.addressHelp}`
        : ''
    const error = new SolveguardError(code, result.message + help, { details: { solverCode: result.code } })
    if (PAUSING_CLASSES.has(result.class)) task.pausing = this.#deps.pause(task.account, code, error.message)
    return error
  }

  /**
   * Emits `retrying`. Without a listener, a service that cannot be reached is a process warning: one until it
   * replies again.
   * @returns `inMs`, the time until the next call
   */
  #reportRetry(task: SolverTask, result: Failure, inMs: number): number {
    if (this.#deps.isObserved('retrying')) {
      const at = new Date(this.#deps.clock.now())
      const { message } = result
      this.#deps.emit('retrying', { solveId: task.id, code: codeOf(result), message, inMs, at }, message)
    } else if (isUnreached(result) && !this.#unreachable.has(task.account)) {
      this.#unreachable.add(task.account)
      process.emitWarning(`${result.message} It is tried again.`, { type: 'SolveguardRetry', code: codeOf(result) })
    }
    return inMs
  }

  /** Waits between two calls. Ends early when the task is woken: its solve was abandoned, or the guard closes. */
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

/**
 * Send options with `mayHoldAnswer`: the wire log must classify a reply before the client reads it. `replied` is true
 * once there was a reply.
 */
function loggedOptions(options: SendOptions, read: (reply: Reply) => Result | Failure) {
  const logged = {
    ...options,
    replied: false,
    mayHoldAnswer(reply: Reply): boolean {
      logged.replied = true
      return mayAnswer(read(reply))
    },
  }
  return logged
}

/** Whether a reply may hold an answer. An unreadable reply may. */
function mayAnswer(result: Result | Failure): boolean {
  switch (result.kind) {
    case 'submitted':
      return result.ready !== undefined
    case 'batch':
      return result.results.some(mayAnswer)
    case 'failure':
      return result.class === 'invalid'
    default:
      return result.kind === 'ready'
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

/** The transport's reasons for a service that was not reached, or did not reply. */
const UNREACHED_REASONS: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMEOUT', 'PROXY', 'ABORTED'])

/** Whether a call did not reach the service. */
function isUnreached({ code, ambiguous }: Failure): boolean {
  return UNREACHED_REASONS.has(code) && !ambiguous
}

function codeOf(result: Failure): Code {
  return UNREACHED_REASONS.has(result.code) ? 'SOLVER_UNREACHABLE' : CODE_OF_CLASS[result.class]
}

function failed(error: SolveguardError, cost: Money, retry = false): Extract<TaskOutcome, { kind: 'failed' }> {
  return { kind: 'failed', error, cost, retry }
}

/** The service gave the id of another task: this one may exist under an id that is unknown. */
function repeated({ account, amount }: SolverTask): TaskOutcome {
  const message = `${repeatedFact(account.name)}, whose answer is for another challenge.`
  return failed(new SolveguardError('SOLVER_REPLY_INVALID', message), amount, true)
}

function repeatedFact(name: string): string {
  return `${name} answered a submit with the id of an earlier task`
}

function timeout(message: string): SolveguardError {
  return new SolveguardError('SOLVE_TIMEOUT', message)
}

function partialAnswer(): SolveguardError {
  return new SolveguardError('SOLVER_REPLY_INVALID', "The service's answer lacks values that this family requires.")
}

/**
 * The service's `retryAfterMs`, or an exponential, capped delay. With up to 25 % jitter, so that many solves do not
 * retry at the same moment.
 */
function backoff({ retryAfterMs }: Failure, tries: number): number {
  return (retryAfterMs ?? Math.min(1000 * 2 ** tries, MAX_BACKOFF_MS)) * (1 + Math.random() * 0.25)
}
