import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, SolveguardError } from '../base/errors.js'
import { frozenCopy } from '../base/frozen.js'
import { type Money, micros } from '../policy/money.js'
import { check } from '../policy/schema.js'
import { fileLedger } from './file.js'
import type { Ledger, PauseReason, Usage } from './ledger.js'
import { redisLedger } from './redis.js'

/** Which ledger to open. Takes exactly one of `dir`, `file`, `url` and `ledger`. */
export interface OpenLedgerOptions {
  /**
   * The folder of a `fileLedger`, such as `.solveguard`.
   * @default none
   */
  readonly dir?: string | undefined
  /**
   * The database file of a `fileLedger`.
   * @default none
   */
  readonly file?: string | undefined
  /**
   * The address of a `redisLedger`: `redis://…` or `rediss://…`.
   * @default none
   */
  readonly url?: string | undefined
  /**
   * A ledger of any kind, that no guard of this process uses: it is opened, and closed by `close`.
   * @default none
   */
  readonly ledger?: Ledger | undefined
  /**
   * The time now.
   * @default systemClock
   */
  readonly clock?: Clock | undefined
}

/** What counts in one day of a budget. Amounts in micro-dollars. */
export interface DayUsage {
  /** The tightest cap that a guard that lives declares, micro-dollars; absent while none does. */
  readonly cap?: Money | undefined
  /** What was spent, micro-dollars. */
  readonly spent: Money
  /** What solves under way may still cost, micro-dollars. */
  readonly reserved: Money
  /** What is left of `cap`, micro-dollars; absent without one. */
  readonly left?: Money | undefined
  /** When the first part of `spent` stops counting; absent where nothing was spent. */
  readonly moreAt?: Date | undefined
  /** Of a calendar day: when it ends, and its time zone. */
  readonly resetsAt?: Date | undefined
  /** Of a calendar day: its time zone. */
  readonly timeZone?: string | undefined
}

/** What counts in one budget, in solves. */
export interface CountUsage {
  /** The tightest limit that a guard that lives declares; absent while none does. */
  readonly cap?: number | undefined
  /** What counts against it now. */
  readonly used: number
}

/** What counts in one budget, by the ledger alone. */
export interface BudgetUsage {
  /** The budget's name: a guard's, or the path of a grant. */
  readonly name: string
  /** The last 24 hours. */
  readonly day: DayUsage
  /** The calendar days that guards that live declare. */
  readonly calendarDays: readonly DayUsage[]
  /** Solves in the last 60 seconds. */
  readonly minute: CountUsage
  /** Solves under way. */
  readonly slots: CountUsage
  /** Why the budget is paused; absent while it is not. */
  readonly paused?: PauseReason | undefined
  /** Two clocks that differ by more than five minutes, if they do: one of them is wrong. */
  readonly clocks?:
    | {
        /** What the clock of this process shows. */
        readonly here: Date
        /** What the clock of the ledger shows: of the file system, or of the Redis server. */
        readonly ledger: Date
      }
    | undefined
}

/** Reads a ledger, without a guard: it changes nothing there. */
export interface LedgerReader {
  /** The kind of ledger: `memory`, `file`, `redis`. */
  readonly kind: string
  /** Where it is, without credentials. */
  readonly place?: string | undefined
  /**
   * What counts in a budget now. A budget that was never used has zeros.
   *
   * @param name a guard's name, or the path of a grant
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   */
  status(name: string): Promise<BudgetUsage>
  /**
   * The heads of all known audit files, for `verifyAudit`.
   *
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   */
  heads(): Promise<readonly ChainHead[]>
  /** Releases the file or the connection. */
  close(): Promise<void>
}

const shape = z.strictObject({
  dir: z.string().min(1).optional(),
  file: z.string().min(1).optional(),
  url: z.string().optional(),
  ledger: z
    .custom<Ledger>((value) => typeof (value as Partial<Ledger> | null)?.usage === 'function', {
      message: "expected a ledger such as redisLedger({ … }), from 'solveguard/ledger'",
    })
    .optional(),
  clock: z
    .custom<Clock>((value) => typeof (value as Partial<Clock> | null)?.now === 'function', {
      message: "expected a clock such as manualClock(), from 'solveguard/testing'",
    })
    .optional(),
})

/**
 * Opens a ledger to look at it, without a guard: no key, no policy, no origin. It declares no limits, holds no lease
 * and reserves nothing, so it is never the reason for a denial.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option; `DeniedError` `LEDGER_UNAVAILABLE` where there
 *   is no ledger, or it cannot be read
 * @example
 * const ledger = await openLedger({ dir: '.solveguard' })
 * const { day } = await ledger.status('checkout-tests')
 * console.log(formatUsd(day.spent))
 * await ledger.close()
 */
export async function openLedger(options: OpenLedgerOptions): Promise<LedgerReader> {
  const { dir, file, url, ledger: given, clock = systemClock } = check(shape, options, 'openLedger')
  if ([dir, file, url, given].filter((each) => each !== undefined).length !== 1) {
    throw new SolveguardError('CONFIG_INVALID', 'openLedger takes exactly one of `dir`, `file`, `url` and `ledger`.')
  }
  const ledger = given ?? (url === undefined ? fileLedger({ dir, file, clock }) : redisLedger({ url }))
  const { kind, place } = ledger
  await ledger.open({ create: false })
  return Object.freeze({
    kind,
    place,
    status: async (name: string) => usageOf(name, await ledger.usage(name, clock.now())),
    heads: async () => ledger.heads(),
    close: async () => ledger.close(),
  })
}

/** Whether `open` threw because there is no ledger yet, and not because it could not be read. */
export function isNoLedger(error: unknown): boolean {
  return error instanceof DeniedError && (error.cause as { readonly code?: unknown } | undefined)?.code === 'NONE'
}

function usageOf(name: string, usage: Usage): BudgetUsage {
  const { spent, reserved, declared, days = [], moreAt, lastMinute, active, paused, clocks } = usage
  const more = moreAt === undefined ? {} : { moreAt: new Date(moreAt) }
  return {
    name,
    day: { ...dayUsage(declared.perDay, spent, reserved), ...more },
    calendarDays: days.map((day) => ({
      ...dayUsage(day.amount, day.spent, reserved),
      resetsAt: new Date(day.end),
      timeZone: day.timeZone,
    })),
    minute: { cap: declared.perMinute, used: lastMinute },
    slots: { cap: declared.concurrent, used: active },
    paused: frozenCopy(paused),
    clocks: clocks && { here: new Date(clocks.caller), ledger: new Date(clocks.ledger) },
  }
}

function dayUsage(cap: Money | undefined, spent: Money, reserved: Money): DayUsage {
  return { cap, spent, reserved, left: cap === undefined ? undefined : micros(Math.max(0, cap - spent - reserved)) }
}
