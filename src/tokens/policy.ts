import { SolveguardError } from '../base/errors.js'
import { type DailyAmount, type NarrowingInput, type Policy, parseNarrowing } from '../policy/schema.js'

/** A policy as a token has it, and as it is applied. */
export interface TokenPolicy {
  /** With a time zone wherever it has a calendar's day. */
  readonly input: NarrowingInput
  readonly policy: Policy
}

/**
 * Checks a policy for a token, and states its time zones. What will be in the token is checked once more when it is
 * verified.
 *
 * @param zone the time zone of calendar days, where the policy names none
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 */
export function tokenPolicy(policy: NarrowingInput, by: 'issuer' | 'holder', zone: string): TokenPolicy {
  const parsed = parseNarrowing(policy, zone)
  checkTokenPolicy(policy, by)
  return { input: withTimeZones(policy, policy.schedule?.timeZone ?? zone), policy: parsed }
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

function withTimeZones(input: NarrowingInput, timeZone: string): NarrowingInput {
  const { budget } = input
  if (budget === undefined) return input
  const stated = (amount: DailyAmount | undefined): DailyAmount | undefined =>
    typeof amount === 'object' ? { ...amount, timeZone: amount.timeZone ?? timeZone } : amount
  const { perDay, perOrigin } = budget
  if (typeof perDay !== 'object' && typeof perOrigin !== 'object') return input
  return { ...input, budget: { ...budget, perDay: stated(perDay), perOrigin: stated(perOrigin) } }
}
