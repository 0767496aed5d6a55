import { type Money, usd } from '../../policy/money.js'

/** The highest price that `pricing` takes for one solve. Keeps sums of costs below 2^53, whatever a service reports. */
const MAX_COST = usd(100)

/** The least that a solve counts as, micro-dollars: half of its price, so that no reported cost switches a cap off. */
export function costFloor(price: Money): Money {
  return Math.ceil(price / 2) as Money
}

/**
 * What a solve counts as, micro-dollars. The cost that a service reports is untrusted: it raises the amount up to $100,
 * and lowers it to no less than `floor`. A value that is not a number counts as not reported.
 * @param price what was reserved: the cost if none is reported
 */
export function bookedCost(reported: unknown, price: Money, floor: Money): Money {
  if (typeof reported !== 'number' || Number.isNaN(reported)) return price
  return Math.min(Math.max(Math.ceil(reported), floor), Math.max(MAX_COST, price)) as Money
}
