import type { CalendarAmount } from './calendar.js'
import { narrow } from './narrow.js'
import type { Policy } from './schema.js'

/** The fields of which `narrow` takes one side's value, by the name that they have as options. */
const CHOICES: Readonly<Record<string, (policy: Policy) => unknown>> = {
  'budget.perDay': ({ budget }) => budget.perDay,
  'budget.perMinute': ({ budget }) => budget.perMinute,
  'budget.concurrent': ({ budget }) => budget.concurrent,
  'budget.perSolve': ({ budget }) => budget.perSolve,
  'budget.perPage': ({ budget }) => budget.perPage,
  'budget.perOrigin': ({ budget }) => budget.perOrigin,
  'budget.wait': ({ budget }) => budget.waitMs,
  'key.rotateEvery': ({ key }) => key.rotateEveryMs,
  'key.expireAfter': ({ key }) => key.expireAfterMs,
  attempts: ({ attempts }) => attempts,
  deadline: ({ deadlineMs }) => deadlineMs,
  recaptchaV3: ({ recaptchaV3 }) => recaptchaV3,
  testKeys: ({ testKeys }) => testKeys,
  renewals: ({ renewals }) => renewals,
  grace: ({ graceMs }) => graceMs,
}

/**
 * The first field in which a narrowing states more than the policy above it allows, so that `narrow` does not take it
 * over; undefined if there is none. Fields of which both sides always apply (schedules, proxies) cannot state more.
 *
 * @param both `narrow(above, narrowing)`, where the caller has it
 * @returns the field's name as an option, such as `budget.perDay`
 */
export function widenedField(above: Policy, narrowing: Policy, both = narrow(above, narrowing)): string | undefined {
  if (narrowing.origins && JSON.stringify(narrowing.origins) !== JSON.stringify(both.origins)) return 'origins'
  for (const [name, of] of Object.entries(CHOICES)) {
    const stated = of(narrowing)
    if (stated !== undefined && stated !== of(both)) return name
  }
  if (isWidened(narrowing.budget.perCalendarDay, both.budget.perCalendarDay)) return 'budget.perDay'
  if (isWidened(narrowing.budget.perOriginCalendarDay, both.budget.perOriginCalendarDay)) return 'budget.perOrigin'
  return undefined
}

/** Whether the amount of some calendar is not the one that applies. */
function isWidened(stated: readonly CalendarAmount[] = [], applied: readonly CalendarAmount[] = []): boolean {
  return stated.some(({ timeZone, amount }) => applied.some((day) => day.timeZone === timeZone && day.amount < amount))
}
