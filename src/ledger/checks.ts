import { SolveguardError } from '../base/errors.js'
import type { CalendarCap, ReserveRequest, Settlement } from './ledger.js'
import { MAX_DAY_MS } from './windows.js'

/**
 * Rejects a request that would make the sums wrong.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkRequest({ amount, deadline, path }: Pick<ReserveRequest, 'amount' | 'deadline' | 'path'>): void {
  checkAmount(amount)
  if (!Number.isFinite(deadline)) throw new SolveguardError('CONFIG_INVALID', 'A reservation needs a deadline.')
  if (path.length > 1 && path.some(({ id }, i) => path.findIndex((other) => other.id === id) !== i)) {
    throw new SolveguardError('CONFIG_INVALID', 'A budget is twice on the path of one reservation.')
  }
  for (const { limits } of path) if (limits.perCalendarDay !== undefined) limits.perCalendarDay.forEach(checkDay)
}

function checkDay({ timeZone, start, end }: CalendarCap): void {
  if (end > start && end - start <= MAX_DAY_MS) return
  throw new SolveguardError('CONFIG_INVALID', `A calendar day in ${timeZone} is at most 27 hours.`)
}

function checkAmount(amount: number): void {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new SolveguardError('CONFIG_INVALID', `An amount must be a whole number of micro-dollars, not ${amount}.`)
  }
}

/**
 * When a request's reservation expires by the ledger's time: as long after it was made as the caller's deadline is
 * after the caller's `now`, whatever the caller's clock shows.
 */
export function deadlineOf({ deadline }: ReserveRequest, now: number, at: number): number {
  return at + deadline - now
}

/** The error for an id that another reservation already has. */
export function duplicateReservation(): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', 'A reservation id was used twice; each reservation needs its own.')
}

/**
 * Rejects a settlement that would make the sums wrong.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkSettlement({ cost }: Settlement): void {
  checkAmount(cost)
}
