import { formatMs } from '../policy/duration.js'
import { formatUsd, type Money, micros, ZERO } from '../policy/money.js'
import type { Setup } from './setup.js'
import type { AtMost } from './types.js'

/** Nothing can be taken. */
export const NOTHING: AtMost = { amount: ZERO, text: '$0' }

/** No cap of the configuration applies. */
export const WHOLE_BALANCE = 'the balance of the account'

/** The smallest daily amount of a guard, in micro-dollars, and for people. */
export interface DayCap {
  readonly amount: Money
  readonly text: string
}

/** The most that a guard may spend in a day, over all its accounts. */
export function dayCap({ policy, accounts }: Pick<Setup, 'policy' | 'accounts'>): DayCap {
  const { perDay, perCalendarDay = [] } = policy.budget
  const caps: DayCap[] = perCalendarDay.map(({ amount, timeZone }) => ({
    amount,
    text: `${formatUsd(amount)} a day (${timeZone})`,
  }))
  if (perDay !== undefined) caps.unshift({ amount: perDay, text: `${formatUsd(perDay)} in any 24 h` })
  const own = accounts.map(({ dayCap: cap }) => cap)
  if (own.every((cap) => cap !== undefined)) {
    const amount = micros(own.reduce((sum, cap) => sum + cap, 0))
    caps.push({ amount, text: `${formatUsd(amount)} a day, of all accounts` })
  }
  return caps.reduce((least, cap) => (cap.amount < least.amount ? cap : least), caps[0] ?? NO_CAP)
}

/** A root policy always has a daily amount. */
const NO_CAP: DayCap = { amount: ZERO, text: '$0' }

/** How long it takes to spend an amount at full speed; undefined without a limit of the rate. */
export function timeToSpend(amount: Money, price: Money, perMinute: number | undefined): string | undefined {
  if (perMinute === undefined || price === 0) return undefined
  return formatMs(Math.ceil(amount / price / perMinute) * 60_000)
}
