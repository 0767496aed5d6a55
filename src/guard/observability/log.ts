import { callUserCode } from '../../base/call-back.js'
import type { ChallengeFacts } from '../../base/challenge.js'
import { type Code, messageOf } from '../../base/errors.js'
import { originOf } from '../../policy/origin.js'
import type { GuardEvents } from '../types.js'

/** A logger, in the shape of pino's. Messages and fields hold no key, no token and no solution. */
export interface Logger {
  /** Logs a step of a solve. */
  debug(fields: object, message: string): void
  /** Logs how a solve ended. */
  info(fields: object, message: string): void
  /** Logs a denial, a failure, a pause or an alert. */
  warn(fields: object, message: string): void
}

/** Steps of a solve are `debug`, how it ended is `info`, what may need action is `warn`. */
const LEVELS: Readonly<Record<Exclude<keyof GuardEvents, 'alert'>, keyof Logger>> = {
  authorized: 'debug',
  submitted: 'debug',
  retrying: 'debug',
  injected: 'debug',
  item: 'debug',
  solved: 'info',
  fallback: 'info',
  abandoned: 'info',
  recovered: 'info',
  accepted: 'info',
  resumed: 'info',
  notifyFailed: 'warn',
  failed: 'warn',
  denied: 'warn',
  rejected: 'warn',
  paused: 'warn',
}

/** Writes a guard's events to the user's logger: one line for each event, with its fields. */
export class Log {
  readonly #logger: Logger
  readonly #guard: string

  constructor(logger: Logger, guard: string) {
    this.#logger = logger
    this.#guard = guard
  }

  event<K extends keyof GuardEvents>(name: K, event: GuardEvents[K], message: string): void {
    // The event's own `message` is dropped: pino may be configured to use that field for the line's message.
    const { message: _, ...fields } = { message, ...event }
    // A retry is a step, but may need action when nothing reaches the service.
    const isUnreached = name === 'retrying' && 'code' in event && event.code === 'SOLVER_UNREACHABLE'
    const level = name === 'alert' || isUnreached ? 'warn' : LEVELS[name as keyof typeof LEVELS]
    this.#write(level, { event: name, guard: this.#guard, ...fields, ...forLog(event as Addresses) }, message)
  }

  alert(code: Code, message: string, details: Readonly<Record<string, string | number | boolean>> | undefined): void {
    this.#write('warn', { event: 'alert', guard: this.#guard, code, ...(details && { details }) }, message)
  }

  /** A logger is user code, like a listener: an error of it becomes a warning only. */
  #write(level: keyof Logger, fields: object, message: string): void {
    callUserCode(
      () => this.#logger[level](fields, message),
      (error) => process.emitWarning(`The logger threw: ${messageOf(error)}`, { type: 'SolveguardLogger' }),
    )
  }
}

interface Addresses {
  readonly challenge?: ChallengeFacts | undefined
  readonly pageUrl?: string
  readonly frameUrl?: string | undefined
}

/** What is in the place of an event's addresses, which may contain sessions and passwords. */
function forLog(event: Addresses): object {
  const { challenge } = event
  const own = 'pageUrl' in event ? addressesForLog(event) : {}
  if (challenge === undefined) return own
  const { family, variant } = challenge
  const sitekey = 'sitekey' in challenge ? challenge.sitekey : undefined
  return { ...own, challenge: { family, variant, sitekey, ...addressesForLog(challenge) } }
}

/** Addresses in the form that logs and audit records may hold. */
function addressesForLog({ pageUrl, frameUrl }: Pick<Addresses, 'pageUrl' | 'frameUrl'>): object {
  return {
    pageUrl: pageUrl === undefined ? undefined : originOf(pageUrl).record,
    frameUrl: frameUrl === undefined ? undefined : originOf(frameUrl).record,
  }
}
