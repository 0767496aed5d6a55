import type { Answer, AnyChallenge, Family } from '../../base/challenge.js'
import { type Code, SolveguardError } from '../../base/errors.js'
import type { Call, Reply } from '../../base/wire.js'
import { type Purpose, type SendOptions, type Transport, TransportError } from '../../egress/transport.js'
import { type Money, ZERO } from '../../policy/money.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { BatchPollResult, Failure, FailureClass, Pending, Ready, Submitted } from '../../solvers/solver.js'
import { isCompleteAnswer } from '../../widgets/table.js'
import type { Account } from '../accounts/account.js'
import type { KeyRound } from '../accounts/key-rotation.js'
import type { Gate } from '../admission/gate.js'
import { asSolveguardError, type GuardRuntime } from '../runtime.js'
import { withoutHidden } from './redact.js'
import { Asking, type Send } from './task-poller.js'

/** One errand to the service: a challenge to hand in, or a task to follow. Its fields change as it goes on. */
export interface Errand {
  /** One solve from its first record to its last. */
  readonly id: string
  readonly gate: Gate
  readonly family: Family
  /** What a service that repeats it must not carry into messages, records or logs: the password of the page's proxy. */
  readonly hidden: readonly string[]
  /** Whom it is taken to. */
  account: Account
  transport: Transport
  /** The most it may cost, and what it is held to have cost where the service leaves that open. */
  amount: Money
  /** How long to go on asking a service that has no room; absent where there is no other one to ask. */
  fallbackAfterMs: number | undefined
  key: SecretVersion
  /** When its last call was sent, in rounds of the key. */
  sentIn: KeyRound
  /** Wall-clock ms at which its reservation lapses: nothing is asked for after that. */
  lapsesAt: number
  /** Nobody waits for the answer any more. What was handed in is still followed, so that it is accounted for. */
  over: boolean
  /** Ends the wait between two calls, while there is one. */
  wake: (() => void) | undefined
  /** What went wrong last, to tell when the time is up. */
  lastFailure: Failure | undefined
  /** When its task was last heard not to be ready: wall-clock ms. */
  notReadyAt: number | undefined
}

/** How an errand ended, and what it is held to have cost. */
export type Ended =
  | { readonly kind: 'solved'; readonly answer: Answer; readonly cost: Money }
  | {
      readonly kind: 'failed'
      readonly error: SolveguardError
      readonly cost: Money
      /** Whether a new attempt, with a reservation of its own, makes sense. */
      readonly again: boolean
      /**
       * The service took nothing, and another one may take it: `busy` where this one only had no room, `refused` where it does not take
       * anything for now.
       */
      readonly moveOn?: 'busy' | 'refused' | undefined
    }
  /** The guard closes: the task is noted in the ledger, and left to the next process. */
  | { readonly kind: 'left' }

const LONGEST_CALL_MS = 30_000
const LONGEST_BACKOFF_MS = 30_000

/** How calls are sent. */
const CALLS: Readonly<Record<Purpose, SendOptions>> = {
  submit: { purpose: 'submit', timeoutMs: LONGEST_CALL_MS },
  poll: { purpose: 'poll', timeoutMs: LONGEST_CALL_MS },
  report: { purpose: 'report', timeoutMs: LONGEST_CALL_MS },
  balance: { purpose: 'balance', timeoutMs: LONGEST_CALL_MS },
}

/** The conversation with a solver service: hands in, asks, and knows what each failure means for the money. */
export class Service {
  readonly #core: GuardRuntime
  /** Made once: thousands of errands wait at a time. */
  readonly #poll: Send = (errand, call, read) => this.#send(errand, 'poll', call, read)

  constructor(core: GuardRuntime) {
    this.#core = core
  }

  /**
   * Hands a challenge in. Tries again, under the same reservation, only while the service certainly took nothing. When a reply never
   * came it may have: then the attempt counts as spent, and another one needs a reservation of its own.
   */
  async submit(errand: Errand, challenge: AnyChallenge, proxy: PageProxy | undefined): Promise<Submitted | Ended> {
    const { solver } = errand.account
    const call = solver.submit(challenge, proxy)
    const refused: SecretVersion[] = []
    let busySince: number | undefined
    for (let tries = 0; ; tries++) {
      if (errand.over || this.#core.closed)
        return failed(new SolveguardError('SOLVE_ABORTED', 'Nobody waits for the solve any more.'), ZERO)
      // Asleep for too long, perhaps: what is sent now would count as of a time that is long past.
      if (this.#core.clock.now() >= errand.lapsesAt) {
        return failed(this.late(errand, 'The reservation lapsed before the service took the task.'), ZERO)
      }
      const result = await this.#send(errand, 'submit', call, (reply) => solver.readSubmit(reply, errand.family))
      if (result.kind === 'submitted') return result
      errand.lastFailure = result
      if (result.ambiguous) return failed(this.#problem(errand, result), errand.amount, true)
      switch (result.class) {
        case 'busy':
        case 'invalid': {
          const wait = backoff(result, tries)
          const now = this.#core.clock.monotonic()
          busySince ??= now
          if (errand.fallbackAfterMs !== undefined && now - busySince + wait > errand.fallbackAfterMs) {
            return { ...failed(this.#problem(errand, result), ZERO), moveOn: 'busy' }
          }
          const inMs = this.#retry(errand, result, wait)
          // Whoever was told may have given up.
          if (!errand.over) await this.#wait(errand, inMs)
          break
        }
        case 'key': {
          const problem = await this.#changeKey(errand, refused, result)
          if (problem) return { ...failed(problem, ZERO), moveOn: 'refused' }
          break
        }
        case 'address':
        case 'balance':
        case 'unsupported':
          return { ...failed(this.#problem(errand, result), ZERO), moveOn: 'refused' }
        default:
          // An error that nobody knows may have cost something; for each known one the solver's table says whether.
          return failed(
            this.#problem(errand, result),
            result.charged ? errand.amount : ZERO,
            result.class === 'unsolvable',
          )
      }
    }
  }

  /**
   * Asks, by the service's manners, until the task has ended, its reservation lapses, or the guard closes.
   * @param handedIn whether it has just been handed in: the task of a process that died was handed in some time ago
   */
  async follow(errand: Errand, taskId: string, handedIn = true): Promise<Ended> {
    const { clock } = this.#core
    const asking = new Asking(errand, taskId, clock, handedIn)
    try {
      let refused: SecretVersion[] | undefined
      let { wait } = asking
      for (let failures = 0; ; ) {
        await this.#wait(errand, Math.min(wait, errand.lapsesAt - clock.now()))
        if (this.#core.closed) return { kind: 'left' }
        if (clock.now() >= errand.lapsesAt) {
          const { lastFailure } = errand
          const error = lastFailure ? this.#problem(errand, lastFailure) : timeout('The task did not end in time.')
          return failed(error, errand.amount)
        }
        const result = await asking.ask(this.#poll)
        if (result.kind === 'ready') return this.answered(errand, result)
        wait = asking.wait
        if (result.kind === 'pending') {
          errand.lastFailure = undefined
          errand.notReadyAt = clock.now()
          continue
        }
        errand.lastFailure = result
        switch (result.class) {
          case 'busy':
          case 'invalid':
            wait = this.#retry(errand, result, Math.max(wait, backoff(result, failures++)))
            break
          case 'key': {
            refused ??= []
            const problem = await this.#changeKey(errand, refused, result)
            if (problem) return failed(problem, errand.amount)
            break
          }
          case 'unsolvable':
          case 'proxy':
            return failed(
              this.#problem(errand, result),
              result.charged ? errand.amount : ZERO,
              result.class === 'unsolvable',
            )
          default:
            // The service took the task: whatever it says of it now, it may charge for it.
            return failed(this.#problem(errand, result), errand.amount)
        }
      }
    } finally {
      asking.end()
    }
  }

  /** The end of an errand that the service has answered. */
  answered(errand: Errand, { answer, cost = errand.amount }: Ready): Ended {
    return isCompleteAnswer(errand.family, answer) ? { kind: 'solved', answer, cost } : failed(partial(), cost)
  }

  /** What kept an errand from ending in time. */
  late(errand: Errand, what: string): SolveguardError {
    const { lastFailure } = errand
    if (!lastFailure) return timeout(what)
    return new SolveguardError(codeOf(lastFailure), `${what} Last: ${lastFailure.message}`, {
      details: { solverCode: lastFailure.code },
    })
  }

  async #send<T extends Submitted | Ready | Pending | BatchPollResult>(
    errand: Errand,
    purpose: Purpose,
    call: Call,
    read: (reply: Reply) => T | Failure,
  ): Promise<T | Failure> {
    errand.sentIn = errand.account.keys.round
    this.#core.keyWatch.used(errand.account, errand.key)
    try {
      const options = this.#core.wireLog ? logged(purpose, read) : CALLS[purpose]
      const reply = await errand.transport.send(call, errand.key.value, options)
      return withoutHidden(reply, read, call.sensitive)
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

  /** Has the errand go on with another version of the key. When there is none left the guard is paused, and this is why. */
  async #changeKey(errand: Errand, refused: SecretVersion[], result: Failure): Promise<SolveguardError | undefined> {
    refused.push(errand.key)
    try {
      const key = await errand.account.keys.another(refused, errand.sentIn, this.#core.clock.monotonic())
      if (key) {
        errand.gate.admitKey(key, this.#core.keyTime())
        await this.#core.keyWatch.admit(errand.account, key)
        errand.key = key
        return undefined
      }
    } catch (error) {
      // Paused all the same: the next solve would send the refused key again, and that gets an address banned.
      this.#problem(errand, result)
      return asSolveguardError(error, 'SECRET_UNAVAILABLE')
    }
    return this.#problem(errand, result)
  }

  /** A failure as an error of ours. Those that only a person can mend pause the guard. */
  #problem(errand: Errand, result: Failure): SolveguardError {
    const code = codeOf(result)
    const help =
      result.class === 'address'
        ? ` We left by: ${describeRoute(errand.transport)}. ${errand.account.solver.addressHelp}`
        : ''
    const error = new SolveguardError(code, result.message + help, { details: { solverCode: result.code } })
    if (PAUSING.has(result.class)) this.#core.pause(errand.account, code, error.message)
    return error
  }

  /** Tells that a call is going to be made again, and why. */
  #retry(errand: Errand, result: Failure, inMs: number): number {
    if (this.#core.hears('retrying')) {
      const at = new Date(this.#core.clock.now())
      const { message } = result
      this.#core.tell('retrying', { solveId: errand.id, code: codeOf(result), message, inMs, at }, message)
    }
    return inMs
  }

  /** Waits between two calls; ends early when nobody needs the answer any more, or the guard closes. */
  #wait(errand: Errand, ms: number): Promise<void> | undefined {
    if (ms <= 0 || this.#core.closed) return
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        errand.wake = undefined
        resolve()
      }
      const cancel = this.#core.clock.after(ms, done)
      errand.wake = done
    })
  }
}

/** How a call is sent of which a wire log is kept: that has to know what a reply is, before it is read here. */
function logged(
  purpose: Purpose,
  read: (reply: Reply) => Submitted | Ready | Pending | BatchPollResult | Failure,
): SendOptions {
  return { ...CALLS[purpose], mayHoldAnswer: (reply) => mayAnswer(read(reply)) }
}

/** Whether a reply that was read so may hold an answer: it does, or nobody knows what it holds. */
function mayAnswer(said: Submitted | Ready | Pending | BatchPollResult | Failure): boolean {
  switch (said.kind) {
    case 'submitted':
      return said.ready !== undefined
    case 'batch':
      return said.results.some(mayAnswer)
    case 'failure':
      return said.class === 'invalid'
    default:
      return said.kind !== 'pending'
  }
}

function describeRoute({ route, address }: Transport): string {
  return address === undefined ? route : `${route}, from ${address}`
}

const PAUSING: ReadonlySet<FailureClass> = new Set(['key', 'address', 'balance'])

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
const UNREACHED: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMEOUT', 'PROXY', 'ABORTED'])

function codeOf(result: Failure): Code {
  return UNREACHED.has(result.code) ? 'SOLVER_UNREACHABLE' : CODE_OF_CLASS[result.class]
}

function failed(error: SolveguardError, cost: Money, again = false): Extract<Ended, { kind: 'failed' }> {
  return { kind: 'failed', error, cost, again }
}

function timeout(message: string): SolveguardError {
  return new SolveguardError('SOLVE_TIMEOUT', message)
}

function partial(): SolveguardError {
  return new SolveguardError('SOLVER_REPLY_INVALID', "The service's answer lacks values that this family has to have.")
}

/** What the service's manners ask for, or exponential and capped; with jitter, so that many do not come back at once. */
function backoff({ retryAfterMs }: Failure, tries: number): number {
  return (retryAfterMs ?? Math.min(1000 * 2 ** tries, LONGEST_BACKOFF_MS)) * (1 + Math.random() * 0.25)
}
