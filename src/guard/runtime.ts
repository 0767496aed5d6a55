import { randomUUID } from 'node:crypto'
import type { AlertChannel } from '../alerts/channel.js'
import { createDenialLog, type DenialLog } from '../audit/denials.js'
import type { AuditSink } from '../audit/sink.js'
import { isPromise, type MaybePromise, promised } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import { counted } from '../base/counted.js'
import { type Code, messageOf, SolveguardError } from '../base/errors.js'
import type { WireLog } from '../egress/har.js'
import type {
  BudgetClaim,
  ClocksDiffer,
  Ledger,
  Limits,
  PauseReason,
  RegisterResult,
  ThresholdAlert,
} from '../ledger/ledger.js'
import { formatUsd } from '../policy/money.js'
import type { Outage } from '../secrets/cache.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Account, type AccountParts } from './accounts/account.js'
import { Pauses, pausedBudgetOf } from './accounts/pauses.js'
import { BalanceMonitor } from './balance/monitor.js'
import { Callbacks } from './callbacks/callbacks.js'
import type { CallbackOptions } from './callbacks/options.js'
import { KeyRegistry } from './keys/registry.js'
import type { Machine } from './keys/which-ledger.js'
import { withLedgerTimeout } from './ledger-timeout.js'
import { Events } from './observability/events.js'
import { Log, type Logger } from './observability/log.js'
import { Outbox } from './observability/outbox.js'
import { atProcessEnd } from './observability/process-end.js'
import { Recorder } from './observability/recorder.js'
import type { Telemetry } from './observability/telemetry.js'
import type { AlertOrigin, BackgroundTasks, GuardContext, KeyClock, Notifier, Registration } from './ports.js'
import { type Budget, periodOf } from './spending/budgets.js'
import { describeDeclarer } from './spending/declarer.js'
import { RemoteQueues } from './spending/remote-queues.js'
import { WaitQueue } from './spending/wait-queue.js'
import type { GuardEvents } from './types.js'

/** The parts of a guard. All options are validated. */
export interface GuardParts {
  readonly name: string
  readonly clock: Clock
  /** In the order in which they are tried; at least one. */
  readonly accounts: readonly AccountParts[]
  readonly ledger: Ledger
  readonly sink: AuditSink
  readonly logger?: Logger | undefined
  readonly telemetry?: Telemetry | undefined
  /** Closed with the guard. */
  readonly wireLog?: WireLog | undefined
  /** The channels that alerts are sent to, besides the listeners. */
  readonly alerts?: readonly AlertChannel[] | undefined
  /** How long a submit may try to connect, ms. @default 20_000 */
  readonly connectWithinMs?: number | undefined
  /** What a suspected key leak causes besides the alert. */
  readonly onLeak?: 'alert' | 'pause' | undefined
  /** What is known of this machine, where money can be spent. */
  readonly machine?: Machine | undefined
  /** Call-backs of the services. @default none are asked for */
  readonly callbacks?: CallbackOptions | undefined
  /** The folder of the audit log, where it is in files. */
  readonly auditFolder?: string | undefined
  /** Where the keys that sign tokens come from. */
  readonly tokenKeys: SecretProvider
}

/** How long a process counts as alive after its last heartbeat. */
const LEASE_MS = 30_000
const HEARTBEAT_MS = 10_000
/** A failure that has not occurred for that long raises an alert again. */
const FAILURE_FORGOTTEN_AFTER_MS = 60_000
/** How long each call to the ledger may take when the guard closes: longer than a ledger takes to give up. */
const CLOSING_LEDGER_MS = 15_000
const MAX_RECENT_FAILURES = 100
const CONNECT_WITHIN_MS = 20_000

/**
 * What all grants of one guard share: its parts, and the ports that the parts take. Only `compose.ts` knows this class.
 * It holds nothing about a single solve.
 */
export class GuardRuntime implements GuardContext, KeyClock, BackgroundTasks, Notifier, Registration {
  readonly name: string
  readonly ownerId = `${process.pid}-${randomUUID()}`
  readonly clock: Clock
  /** In the order in which they are tried; at least one. */
  readonly accounts: readonly Account[]
  readonly ledger: Ledger
  readonly sink: AuditSink
  readonly events = new Events()
  readonly recorder: Recorder
  readonly denials: DenialLog
  readonly waitQueue: WaitQueue
  readonly remoteQueues: RemoteQueues
  /** How many solves were denied, by code. */
  readonly denialCounts = new Map<Code, number>()
  readonly machine: Machine | undefined
  readonly keyRegistry: KeyRegistry
  /** Items that streams have not started yet, as far as their number is known. */
  readonly pendingItems = new Set<{ left: number }>()
  readonly telemetry: Telemetry | undefined
  readonly wireLog: WireLog | undefined
  readonly outbox: Outbox
  readonly pauses = new Pauses(this)
  readonly balanceMonitor = new BalanceMonitor(this)
  readonly callbacks: Callbacks
  readonly onLeak: 'alert' | 'pause'
  readonly connectWithinMs: number
  readonly #startedAt: { readonly wall: number; readonly monotonic: number }
  readonly #log: Log | undefined
  #cancelHeartbeat: (() => void) | undefined
  /** What the ledger knows of this process: nothing yet, that it lives, or also its limits. */
  #registered: 'lease' | 'limits' | undefined
  #declaring: Promise<void> | undefined
  #clocksDiffer = false
  /** The budgets whose limits this process declares, and the claims that it declared last. */
  #budgets: readonly Budget[] = []
  #declared: readonly BudgetClaim[] = []
  /** Background work under way. Only `close()` waits for it. */
  readonly #background = new Set<Promise<unknown>>()
  /** By code and message: when a background task last failed that way (monotonic ms). */
  readonly #recentFailures = new Map<string, number>()
  #closed = false
  /** While the guard closes: what could not be written, by code. The first of each code is reported at the end. */
  #unwritten: Map<Code, string> | undefined
  #forgetProcessEnd: (() => void) | undefined
  /** Whether all that was pending has been tried once at the end of the process, and was not written. */
  #triedAtEnd = false
  /** The hash of the head that was saved at the end of the process. */
  #savedAtEnd: string | undefined

  constructor(parts: GuardParts) {
    this.name = parts.name
    this.clock = parts.clock
    this.telemetry = parts.telemetry
    this.wireLog = parts.wireLog
    this.accounts = parts.accounts.map((account) => {
      const onStale = ({ message, until }: Outage): void => this.#alertStale(account, message, until)
      return new Account(account, parts.clock, onStale)
    })
    this.ledger = parts.ledger
    this.sink = parts.sink
    this.#log = parts.logger && new Log(parts.logger, parts.name)
    this.outbox = new Outbox({
      name: parts.name,
      ownerId: this.ownerId,
      clock: parts.clock,
      ledger: parts.ledger,
      channels: parts.alerts ?? [],
      alert: (message) => this.alert('ALERT_UNDELIVERED', message),
    })
    this.recorder = new Recorder(parts.sink, parts.clock, (error) => this.#auditFailed(error.message))
    parts.sink.onError?.((message) => this.alert('AUDIT_COPY_BEHIND', message))
    this.denials = createDenialLog({
      clock: parts.clock,
      write: (events) => this.recorder.writeOrDeny(...events),
      onError: (error) => this.#auditFailed(messageOf(error)),
    })
    this.waitQueue = new WaitQueue(parts.clock)
    this.remoteQueues = new RemoteQueues(this)
    this.machine = parts.machine
    this.keyRegistry = new KeyRegistry(this)
    this.callbacks = new Callbacks(this, parts.callbacks)
    this.onLeak = parts.onLeak ?? 'alert'
    this.connectWithinMs = parts.connectWithinMs ?? CONNECT_WITHIN_MS
    this.#startedAt = { wall: parts.clock.now(), monotonic: parts.clock.monotonic() }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The first step of closing: no new work starts. */
  beginClose(): void {
    this.#closed = true
  }

  keyTime(): number {
    const { wall, monotonic } = this.#startedAt
    return Math.max(this.clock.now(), wall + this.clock.monotonic() - monotonic)
  }

  /** Starts the heartbeat. Calls `onHeartbeat` at each one (every 10 s). */
  start(budget: Budget, onHeartbeat: (isFirst: boolean) => void): void {
    this.#budgets = [budget, ...this.accounts.flatMap(({ claim }) => claim ?? [])]
    for (const { secrets } of this.accounts) secrets.open()
    const heartbeat = (isFirst: boolean): void => {
      this.#cancelHeartbeat = this.clock.after(HEARTBEAT_MS, () => heartbeat(false), false)
      if (!isFirst) {
        this.background(() => this.#renewLease(), 'LEDGER_UNAVAILABLE')
        this.background(() => this.remoteQueues.read(), 'LEDGER_UNAVAILABLE')
        this.background(() => this.keyRegistry.heartbeat(), 'LEDGER_UNAVAILABLE')
      }
      this.background(() => this.outbox.heartbeat(), 'LEDGER_UNAVAILABLE')
      onHeartbeat(isFirst)
    }
    // The first heartbeat is delayed, so that the caller of `createGuard` can add its listeners before the first alert.
    this.#cancelHeartbeat = this.clock.after(0, () => heartbeat(true), false)
    this.#forgetProcessEnd = atProcessEnd({
      beforeExit: () => this.#flushBeforeExit(),
      exit: () => this.#flushAtExit(),
    })
  }

  declareLimits(): MaybePromise<void> {
    if (this.#registered === 'limits') return undefined
    if (this.#declaring) return this.#declaring
    const registered = this.#register('limits')
    if (!isPromise(registered)) return undefined
    this.#declaring = registered.finally(() => {
      this.#declaring = undefined
    })
    return this.#declaring
  }

  registerLease(): MaybePromise<void> {
    return this.#registered === undefined ? this.#register('lease') : undefined
  }

  /** Registers this process with the ledger, for its next heartbeat to renew. */
  #register(as: 'lease' | 'limits'): MaybePromise<void> {
    const now = this.clock.now()
    this.#declared = as === 'limits' ? this.#budgets.map((each) => each.at(now)) : []
    const declares = this.#declared.map(({ id, limits }) => ({ budgetId: id, limits }))
    const registered = ({ differing, clocks }: RegisterResult): void => {
      const isNew = this.#registered !== as
      this.#registered = as
      this.observeClocks(clocks)
      if (isNew) for (const each of differing) this.#alertDifferentLimits(each)
    }
    const reply = this.ledger.register({ id: this.ownerId, leaseMs: LEASE_MS, declares }, now)
    return isPromise(reply) ? reply.then(registered) : registered(reply)
  }

  /** Raises an alert when the clocks of this process and of the ledger begin to differ. */
  observeClocks(clocks: ClocksDiffer | undefined): void {
    const begins = clocks !== undefined && !this.#clocksDiffer
    this.#clocksDiffer = clocks !== undefined
    if (!begins) return
    const [here, there] = [new Date(clocks.caller), new Date(clocks.ledger)].map((time) => time.toISOString())
    const where = this.ledger.place ?? this.ledger.kind
    this.alert(
      'CLOCKS_DIFFER',
      `The clock of process ${process.pid} shows ${here}, and that of the ledger ${where} ${there}: set the wrong one.`,
    )
  }

  #renewLease(): MaybePromise<void> {
    const now = this.clock.now()
    // After midnight the declared limits are those of another day.
    const changed = this.#declared.some((claim, i) => this.#budgets[i]?.at(now) !== claim)
    return changed && this.#registered
      ? this.#register(this.#registered)
      : this.ledger.heartbeat(this.ownerId, now, this.recorder.head)
  }

  #alertDifferentLimits({ budgetId, effective, declaredBy }: RegisterResult['differing'][number]): void {
    const { process: other, silence } = describeDeclarer(declaredBy)
    const who = silence === undefined ? other : `${other}, which ${silence}`
    this.alert(
      'LIMITS_DIFFER',
      `Another guard (${who}) has different limits for the budget '${budgetId}'; ` +
        `the tighter of each holds for both: ${formatLimits(effective)}.`,
    )
  }

  /**
   * Pauses an account in every process. Where the guard has one account only, this pauses the guard's whole budget. The
   * first reason is kept, and reported once.
   * @param isAlerted whether an alert with the reason has already been raised
   */
  pause(account: Account, code: Code, message: string, isAlerted = false): Promise<unknown> | undefined {
    const budgetId = pausedBudgetOf(account, this.name)
    const reason: PauseReason = { code, message, at: this.clock.now() }
    const report = (first: boolean): void => {
      if (!first) return
      this.recorder.write({ action: 'paused', at: reason.at, guard: this.name, solver: account.name, code, message })
      this.pauses.observe(budgetId, reason)
      if (!isAlerted) this.alert(code, message, undefined, { once: true })
    }
    return this.background(() => {
      const paused = this.ledger.pause(budgetId, reason)
      return isPromise(paused) ? paused.then(report) : report(paused)
    }, 'LEDGER_UNAVAILABLE')
  }

  /** Pauses the guard by hand. The first reason is kept, as with any pause. */
  async pauseAll(message: string): Promise<void> {
    const reason: PauseReason = { code: 'MANUAL', message, at: this.clock.now() }
    if (!(await this.ledger.pause(this.name, reason))) return
    this.recorder.write({ action: 'paused', at: reason.at, guard: this.name, code: reason.code, message })
    this.pauses.observe(this.name, reason)
  }

  /** Called when another process has lifted the pause: refused keys may be tried again. */
  onResumedElsewhere(): void {
    for (const { keys, secrets } of this.accounts) {
      keys.forgetRefusals()
      if (secrets.usable()) secrets.refresh().catch(() => {})
    }
    this.emit('resumed', { at: new Date(this.clock.now()) }, 'resumed')
    this.waitQueue.wakeHeads()
  }

  async resume(): Promise<void> {
    const at = this.clock.now()
    await this.recorder.writeOrDeny({ action: 'resumed', at, guard: this.name })
    await this.ledger.resume(this.name)
    for (const account of this.accounts) {
      const { claim, keys, secrets } = account
      if (claim) await this.ledger.resume(claim.id)
      await this.balanceMonitor.reset(account)
      keys.forgetRefusals()
      // The cause was fixed before this call, perhaps by a new key: fetch it rather than try the cached one again.
      await secrets.refresh().catch(() => {})
    }
    this.pauses.clear()
    this.emit('resumed', { at: new Date(at) }, 'resumed')
    this.waitQueue.wakeHeads()
  }

  alert(code: Code, message: string, details?: GuardEvents['alert']['details'], origin?: AlertOrigin): void {
    const at = this.clock.now()
    // An alert about the audit log cannot be written into it.
    if (code !== 'AUDIT_UNAVAILABLE') this.recorder.write({ action: 'alert', at, guard: this.name, code, message })
    this.#log?.alert(code, message, details)
    this.outbox.raise({ code, message, at: new Date(at), details }, origin)
    if (this.events.has('alert')) this.events.emit('alert', { code, message, at: new Date(at), details })
    else if (!this.#log && !this.outbox.accepts(code)) process.emitWarning(message, { type: 'SolveguardAlert', code })
  }

  /** Raises an alert for each key that has become due for rotation: once, from the process that finds it first. */
  async warnOfDueKeys(rotateEveryMs: number | undefined): Promise<void> {
    const now = this.clock.now()
    for (const account of this.accounts) {
      const key = account.newlyDue(rotateEveryMs, now)
      if (!key?.createdAt || !(await this.keyRegistry.isFirstToReport('due', key.value.fingerprint))) continue
      const whichKey = this.accounts.length > 1 ? `The key for ${account.name}` : 'The key'
      this.alert(
        'KEY_DUE',
        `${whichKey} (version ${key.version}) was created at ${new Date(key.createdAt).toISOString()}: rotate it.`,
        undefined,
        { once: true },
      )
    }
  }

  #alertStale({ name }: AccountParts, message: string, until: number): void {
    const whichKey = this.accounts.length > 1 ? `the cached key for ${name}` : 'the cached key'
    this.alert(
      'SECRET_STALE',
      `The secrets store does not answer (${message}); ${whichKey} is used until ${new Date(until).toISOString()}.`,
      undefined,
      // The message's time differs between processes, but the failing store is one subject.
      { about: name },
    )
  }

  alertThresholds(alerts: readonly ThresholdAlert[]): void {
    for (const { budgetId, threshold, used, limit, timeZone } of alerts) {
      this.alert(
        'BUDGET_THRESHOLD',
        `Budget '${budgetId}' has used ${formatUsd(used)} of ${formatUsd(limit)} ${periodOf(timeZone)} ` +
          `(${Math.round(threshold * 100)} % crossed).`,
        { budgetId, threshold, used, limit, ...(timeZone !== undefined && { timeZone }) },
        { once: true },
      )
    }
  }

  emit<K extends keyof GuardEvents>(name: K, event: GuardEvents[K], message: string): void {
    if (this.events.has(name)) this.events.emit(name, event)
    this.#log?.event(name, event, message)
  }

  isObserved(name: keyof GuardEvents): boolean {
    return this.#log !== undefined || this.events.has(name)
  }

  background(work: () => MaybePromise<unknown>, code: Code): Promise<unknown> | undefined {
    try {
      const done = work()
      if (!isPromise(done)) return undefined
      const quiet: Promise<unknown> = done
        .catch((error) => this.#alertFailure(code, messageOf(error)))
        .finally(() => this.#background.delete(quiet))
      this.#background.add(quiet)
      return quiet
    } catch (error) {
      this.#alertFailure(code, messageOf(error))
      return undefined
    }
  }

  #auditFailed(message: string): void {
    if (this.#unwritten) this.#missed('AUDIT_UNAVAILABLE', message)
    else this.alert('AUDIT_UNAVAILABLE', message)
  }

  #alertFailure(code: Code, message: string): void {
    if (this.#unwritten) {
      this.#missed(code, message)
      return
    }
    const now = this.clock.monotonic()
    for (const [failure, at] of this.#recentFailures)
      if (now - at > FAILURE_FORGOTTEN_AFTER_MS) this.#recentFailures.delete(failure)
    const isKnown = this.#recentFailures.has(`${code} ${message}`)
    if (isKnown || this.#recentFailures.size < MAX_RECENT_FAILURES) this.#recentFailures.set(`${code} ${message}`, now)
    if (!isKnown) this.alert(code, message)
  }

  /**
   * Releases everything. Never rejects: what could not be written is reported.
   * @param first what ends before that: the solves, and recovery
   */
  async close(first: readonly (() => MaybePromise<unknown>)[]): Promise<void> {
    this.#unwritten = new Map()
    this.#cancelHeartbeat?.()
    for (const work of first) await this.#closingStep('LEDGER_UNAVAILABLE', work)
    this.remoteQueues.close()
    this.telemetry?.close()
    for (const { secrets } of this.accounts) secrets.close()
    // First the background writes: a task that is left to the next process, and a pause, must be in the ledger.
    await this.#ledgerStep(() => Promise.all(this.#background))
    await this.#closingStep('AUDIT_UNAVAILABLE', () => this.denials.close())
    // Before the log ends: an alert that cannot be delivered is recorded.
    await this.#closingStep('ALERT_UNDELIVERED', () => this.outbox.close())
    this.recorder.write({ action: 'closed', at: this.clock.now(), guard: this.name })
    await this.#closingStep('AUDIT_UNAVAILABLE', () => this.recorder.close())
    this.#forgetProcessEnd?.()
    const { head } = this.recorder
    await this.#ledgerStep(() => head && this.ledger.saveHead(head))
    await this.#ledgerStep(() => this.keyRegistry.unregister())
    await this.#ledgerStep(() => this.#registered && this.ledger.unregister(this.ownerId, this.clock.now()))
    await this.#ledgerStep(() => this.ledger.close())
    await this.#closingStep('CONFIG_INVALID', () => this.wireLog?.close())
    const lost = this.recorder.lost + this.denials.pending
    if (lost > 0) this.#missed('AUDIT_UNAVAILABLE', `Not written: ${counted(lost, 'record')}.`)
    for (const [code, message] of this.#unwritten) this.#reportUnwritten(code, message)
    this.events.clear()
  }

  async #closingStep(code: Code, work: () => MaybePromise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#missed(error instanceof SolveguardError ? error.code : code, messageOf(error))
    }
  }

  /** A ledger that does not answer must not keep the guard from closing. */
  #ledgerStep(work: () => MaybePromise<unknown>): Promise<void> {
    return this.#closingStep('LEDGER_UNAVAILABLE', () =>
      withLedgerTimeout(this.clock, promised(work), CLOSING_LEDGER_MS),
    )
  }

  #missed(code: Code, message: string): void {
    const known = this.#unwritten?.get(code)
    if (known === undefined) this.#unwritten?.set(code, message)
    else if (!known.includes(message)) this.#unwritten?.set(code, `${known} ${message}`)
  }

  /** Reports what the guard could not write when it closed: its ledger and its audit log are closed by now. */
  #reportUnwritten(code: Code, what: string): void {
    const at = new Date(this.clock.now())
    const message = `The guard is closed, and not everything could be written. ${what}`
    this.#log?.alert(code, message, undefined)
    if (this.events.has('alert')) this.events.emit('alert', { code, message, at, details: undefined })
    else if (!this.#log) process.emitWarning(message, { type: 'SolveguardAlert', code })
  }

  /** Nothing else keeps the process running: writes what is pending, once while that fails. */
  #flushBeforeExit(): void {
    const pending = (): number => this.denials.pending + this.recorder.pending
    if (this.#closed || this.#triedAtEnd || (pending() === 0 && this.recorder.head?.hash === this.#savedAtEnd)) return
    this.#triedAtEnd = true
    this.background(async () => {
      await this.denials.flush()
      await this.recorder.flush()
      this.#triedAtEnd = pending() > 0
      const { head } = this.recorder
      this.#savedAtEnd = head?.hash
      if (head) await this.ledger.saveHead(head)
    }, 'LEDGER_UNAVAILABLE')
  }

  /** The process ends without `close()`. Only what is synchronous is still done. */
  #flushAtExit(): void {
    this.#closed = true
    const ignore = (): void => {}
    try {
      promised(() => this.denials.close()).catch(ignore)
      promised(() => this.recorder.flush()).catch(ignore)
      promised(() => this.sink.close()).catch(ignore)
      const { head } = this.recorder
      if (head) promised(() => this.ledger.saveHead(head)).catch(ignore)
    } catch {}
  }

  /** Closes every connection. Requests under way fail. */
  async closeTransports(): Promise<void> {
    await Promise.all(this.accounts.map((account) => account.closeTransports()))
  }
}

function formatLimits({ perDay, perCalendarDay = [], perMinute, concurrent }: Limits): string {
  const parts = [
    perDay !== undefined && `${formatUsd(perDay)} a day`,
    ...perCalendarDay.map(({ amount, timeZone }) => `${formatUsd(amount)} ${periodOf(timeZone)}`),
    perMinute !== undefined && `${perMinute} a minute`,
    concurrent !== undefined && `${concurrent} at a time`,
  ]
  return parts.filter(Boolean).join(', ')
}
