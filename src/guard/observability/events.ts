import { callUserCode } from '../../base/call-back.js'
import { messageOf, SolveguardError } from '../../base/errors.js'
import type { GuardEvents } from '../types.js'

type Listener<K extends keyof GuardEvents> = (event: GuardEvents[K]) => void

const NAMES: Readonly<Record<keyof GuardEvents, true>> = {
  authorized: true,
  submitted: true,
  retrying: true,
  solved: true,
  failed: true,
  denied: true,
  fallback: true,
  abandoned: true,
  recovered: true,
  injected: true,
  notifyFailed: true,
  accepted: true,
  rejected: true,
  item: true,
  paused: true,
  resumed: true,
  alert: true,
}

/** A typed emitter. Calls listeners in the order in which they were added. One that throws causes a warning only. */
export class Events {
  readonly #listeners = new Map<keyof GuardEvents, Set<Listener<never>>>()

  on<K extends keyof GuardEvents>(name: K, listener: Listener<K>): () => void {
    if (!Object.hasOwn(NAMES, name) || typeof listener !== 'function') {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `guard.on takes one of ${Object.keys(NAMES).join(', ')}, and a function.`,
      )
    }
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener as Listener<never>))
    return () => void listeners.delete(listener as Listener<never>)
  }

  /** Whether the event has a listener: without one, the event need not be built. */
  has(name: keyof GuardEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<K extends keyof GuardEvents>(name: K, event: GuardEvents[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      // A listener is user code: its error becomes a warning and must not affect spending.
      const warn = (error: unknown): void =>
        process.emitWarning(`A listener of '${name}' threw: ${messageOf(error)}`, { type: 'SolveguardListener' })
      callUserCode(() => (listener as Listener<K>)(event), warn)
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
