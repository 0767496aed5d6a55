import type { AuditEvent, AuditSink } from '../audit/sink.js'
import { isPromise, type MaybePromise, promised } from '../base/async.js'
import { callUserCode } from '../base/call-back.js'
import type { ChainHead } from '../base/chain.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import type {
  AttachedTask,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Fact,
  Ledger,
  NewFact,
  OpenOptions,
  Owner,
  PauseReason,
  PreviewRequest,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  Usage,
} from '../ledger/ledger.js'
import { asLedgerError } from './errors.js'
import { withLedgerTimeout } from './ledger-timeout.js'

/** How long a call to the ledger may take: longer than a ledger of this package takes to give up. */
const LEDGER_CALL_MS = 15_000
/** How long opening a ledger or an audit sink may take. */
const OPEN_MS = 30_000

/**
 * The ledger that a guard was given, which may be the user's own. Each call ends: with an answer of the form that the
 * interface states, or with an error. A thenable becomes a promise, so that no code of the guard runs inside of it.
 */
export function checkedLedger(ledger: Ledger, clock: Clock): Ledger {
  return new CheckedLedger(ledger, clock)
}

/** The audit sink that a guard was given: as `checkedLedger`. The recorder limits the time of each write. */
export function checkedSink(sink: AuditSink, clock: Clock): AuditSink {
  return new CheckedSink(sink, clock)
}

class CheckedLedger implements Ledger {
  readonly #ledger: Ledger
  readonly #clock: Clock

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
  }

  get kind(): string {
    return this.#ledger.kind
  }

  get place(): string | undefined {
    return this.#ledger.place
  }

  get isNew(): boolean | undefined {
    return this.#ledger.isNew
  }

  async open(options?: OpenOptions): Promise<void> {
    const opening = promised(() => this.#ledger.open(options))
    await opened(opening, this.#clock, 'the ledger').catch((error) => {
      throw asLedgerError(error)
    })
  }

  register(owner: Owner, now: number): MaybePromise<RegisterResult> {
    return this.#checked('register', this.#ledger.register(owner, now), ({ differing }) => Array.isArray(differing))
  }

  heartbeat(ownerId: string, now: number, head?: ChainHead): MaybePromise<void> {
    return this.#checked('heartbeat', this.#ledger.heartbeat(ownerId, now, head))
  }

  unregister(ownerId: string, now: number): MaybePromise<void> {
    return this.#checked('unregister', this.#ledger.unregister(ownerId, now))
  }

  reserve(request: ReserveRequest, now: number): MaybePromise<ReserveResult> {
    return this.#checked('reserve', this.#ledger.reserve(request, now), isReserveResult)
  }

  preview(request: PreviewRequest, now: number): MaybePromise<ReserveResult> {
    return this.#checked('preview', this.#ledger.preview(request, now), isReserveResult)
  }

  attachTask(reservationId: string, task: AttachedTask): MaybePromise<boolean> {
    return this.#checked('attachTask', this.#ledger.attachTask(reservationId, task), isBoolean)
  }

  settle(settlement: Settlement, now: number): MaybePromise<SettleResult> {
    return this.#checked('settle', this.#ledger.settle(settlement, now), ({ settled }) => isBoolean(settled))
  }

  claim(request: ClaimRequest, now: number): MaybePromise<readonly ClaimedTask[]> {
    return this.#checked('claim', this.#ledger.claim(request, now), (tasks) => isListOf(tasks, isObject))
  }

  pause(budgetId: string, reason: PauseReason): MaybePromise<boolean> {
    return this.#checked('pause', this.#ledger.pause(budgetId, reason), isBoolean)
  }

  resume(budgetId: string): MaybePromise<void> {
    return this.#checked('resume', this.#ledger.resume(budgetId))
  }

  usage(budgetId: string, now: number, days?: readonly CalendarCap[]): MaybePromise<Usage> {
    return this.#checked('usage', this.#ledger.usage(budgetId, now, days), isUsage)
  }

  setFact(fact: NewFact, now: number): MaybePromise<string> {
    return this.#checked('setFact', this.#ledger.setFact(fact, now), isString)
  }

  listFacts(scope: string, now: number): MaybePromise<readonly Fact[]> {
    return this.#checked('listFacts', this.#ledger.listFacts(scope, now), (facts) => isListOf(facts, isFact))
  }

  saveHead(head: ChainHead): MaybePromise<void> {
    return this.#checked('saveHead', this.#ledger.saveHead(head))
  }

  heads(): MaybePromise<readonly ChainHead[]> {
    return this.#checked('heads', this.#ledger.heads(), (heads) => isListOf(heads, isObject))
  }

  close(): MaybePromise<void> {
    return this.#checked('close', this.#ledger.close())
  }

  #checked<T>(call: string, answer: MaybePromise<T>, isWhole?: (answer: T) => boolean): MaybePromise<T> {
    if (!isPromise(answer)) return whole(call, answer, isWhole)
    const late = Promise.resolve(answer).then((one) => whole(call, one, isWhole))
    return withLedgerTimeout(this.#clock, late, LEDGER_CALL_MS, false)
  }
}

class CheckedSink implements AuditSink {
  readonly kind: string
  readonly place: string | undefined
  readonly #sink: AuditSink
  readonly #clock: Clock

  constructor(sink: AuditSink, clock: Clock) {
    this.kind = sink.kind
    this.place = sink.place
    this.#sink = sink
    this.#clock = clock
  }

  get head(): ChainHead | undefined {
    try {
      const { head } = this.#sink
      if (isHead(head)) return head
      callUserCode(() => head)
      return undefined
    } catch {
      return undefined
    }
  }

  async open(guard: string, now: number): Promise<void> {
    const opening = promised(() => this.#sink.open(guard, now))
    await opened(opening, this.#clock, `the ${this.kind} sink`).catch((error) => {
      if (error instanceof SolveguardError) throw error
      const message = `The audit log could not be opened: ${messageOf(error)}`
      throw new DeniedError('AUDIT_UNAVAILABLE', message, { cause: error })
    })
  }

  write(events: readonly AuditEvent[]): MaybePromise<void> {
    return this.#sink.write(events)
  }

  close(): MaybePromise<void> {
    return this.#sink.close()
  }

  onError(report: (message: string) => void): void {
    callUserCode(() => this.#sink.onError?.(report))
  }
}

function opened(opening: Promise<void>, clock: Clock, what: string): Promise<void> {
  const error = (): Error => new Error(`${what} has not opened within ${OPEN_MS / 1000} s`)
  return withTimeout(opening, { clock, ms: OPEN_MS, error })
}

function whole<T>(call: string, answer: T, isWhole: ((answer: T) => boolean) | undefined): T {
  if (isWhole === undefined || (answer !== undefined && answer !== null && isWhole(answer))) return answer
  throw new Error(`what ${call}() returned does not have the form that the interface of ledgers states`)
}

function isReserveResult(result: ReserveResult): boolean {
  if (result.ok === true) return isListOf(result.alerts, isObject)
  return result.ok === false && isString(result.budgetId) && isString(result.reason)
}

function isUsage({ spent, reserved, lastMinute, active, declared, totals }: Usage): boolean {
  return [spent, reserved, lastMinute, active].every(Number.isFinite) && isObject(declared) && isObject(totals)
}

function isFact(fact: unknown): boolean {
  if (!isObject(fact)) return false
  const { name, value, at }: Partial<Fact> = fact
  return isString(name) && isString(value) && Number.isFinite(at)
}

function isHead(head: unknown): boolean {
  if (!isObject(head)) return false
  const { file, seq, hash }: Partial<ChainHead> = head
  return isString(file) && Number.isInteger(seq) && isString(hash)
}

function isListOf(list: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isOne)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}
