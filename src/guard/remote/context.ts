import type { Clock } from '../../base/clock.js'
import type { Code } from '../../base/errors.js'
import { Events } from '../observability/events.js'
import { Log, type Logger } from '../observability/log.js'
import type { KeyClock, Notifier } from '../ports.js'
import type { GuardEvents } from '../types.js'

/** In place of an account's name, in events and in the status. */
export const BROKER = 'broker'

/** The broker's guard keeps the records of what is solved. */
const NO_RECORDER = { write: () => {}, writeSoon: () => {}, writeOrDeny: () => undefined }
const NO_DENIAL_LOG = { add: () => {} }

/** What the grants of a guard without a key share. It has no ledger, and keeps no record. */
export class RemoteContext implements KeyClock, Pick<Notifier, 'alert' | 'emit' | 'isObserved'> {
  readonly name: string
  readonly clock: Clock
  readonly events = new Events()
  readonly accounts = [{ name: BROKER }]
  readonly recorder = NO_RECORDER
  readonly denials = NO_DENIAL_LOG
  /** How many solves were denied, by code. */
  readonly denialCounts = new Map<Code, number>()
  /** Items that streams have not started yet. */
  readonly pendingItems = new Set<{ left: number }>()
  readonly #log: Log | undefined
  readonly #startedAt: { readonly wall: number; readonly monotonic: number }
  closed = false

  constructor(name: string, clock: Clock, logger: Logger | undefined) {
    this.name = name
    this.clock = clock
    this.#log = logger && new Log(logger, name)
    this.#startedAt = { wall: clock.now(), monotonic: clock.monotonic() }
  }

  keyTime(): number {
    const { wall, monotonic } = this.#startedAt
    return Math.max(this.clock.now(), wall + this.clock.monotonic() - monotonic)
  }

  alert(code: Code, message: string, details?: GuardEvents['alert']['details']): void {
    this.#log?.alert(code, message, details)
    if (this.events.has('alert')) {
      this.events.emit('alert', { code, message, at: new Date(this.clock.now()), details })
    } else if (!this.#log) process.emitWarning(message, { type: 'SolveguardAlert', code })
  }

  emit<K extends keyof GuardEvents>(name: K, event: GuardEvents[K], message: string): void {
    if (this.events.has(name)) this.events.emit(name, event)
    this.#log?.event(name, event, message)
  }

  isObserved(name: keyof GuardEvents): boolean {
    return this.#log !== undefined || this.events.has(name)
  }
}
