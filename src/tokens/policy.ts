import { SolveguardError } from '../base/errors.js'
import { narrow } from '../policy/narrow.js'
import { type DailyAmount, type NarrowingInput, type Policy, parseNarrowing } from '../policy/schema.js'

/** A policy as a token has it, and as it is applied. */
export interface TokenPolicy {
  /** Plain JSON, with a time zone wherever the policy has a calendar's day. */
  readonly input: NarrowingInput
  readonly policy: Policy
}

/**
 * Checks a policy for a token, and states its time zones.
 *
 * @param zone the time zone of calendar days, where the policy names none
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 */
export function tokenPolicy(policy: NarrowingInput, by: 'issuer' | 'holder', zone: string): TokenPolicy {
  parseNarrowing(policy, zone)
  // What is checked is what will be in the token, whatever the caller's object does when it is read.
  const plain = JSON.parse(JSON.stringify(policy)) as NarrowingInput
  checkTokenPolicy(plain, by)
  const input = withTimeZones(plain, plain.schedule?.timeZone ?? zone)
  return { input, policy: parseNarrowing(input, zone) }
}

/**
 * Some fields would give a holder more than a narrower policy. `egress`: calls with the key would leave by a route of
 * the holder's choice, and `ipCheckUrl` would be fetched from our network. `alertsAt`: a holder can make as many links,
 * and so alerts to the operator, as it likes.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkTokenPolicy(policy: NarrowingInput, by: 'issuer' | 'holder'): void {
  if (policy.egress !== undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'policy.egress: a token cannot have it, because the guard alone decides how its calls leave; remove it.',
    )
  }
  if (by === 'holder' && policy.budget?.alertsAt !== undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'policy.budget.alertsAt: only who issues a token can set it, because its alerts go to the operator; remove it.',
    )
  }
}

/** What all links of a token allow together, without the guard's own policy. */
export function narrowAll(policies: readonly Policy[]): Policy {
  return policies.reduce(narrow, parseNarrowing({}))
}

function withTimeZones(input: NarrowingInput, timeZone: string): NarrowingInput {
  const { budget } = input
  if (budget === undefined) return input
  const stated = (amount: DailyAmount | undefined): DailyAmount | undefined =>
    typeof amount === 'object' ? { timeZone, ...amount } : amount
  const { perDay, perOrigin } = budget
  if (typeof perDay !== 'object' && typeof perOrigin !== 'object') return input
  return { ...input, budget: { ...budget, perDay: stated(perDay), perOrigin: stated(perOrigin) } }
}
