import type { DayStatus, Status } from '../../guard/types.js'
import { formatUsd } from '../../policy/money.js'

/** What a guard says of a token that it has verified. */
export interface VerifiedFacts {
  readonly guard: string
  readonly links: Status['links']
  readonly day: DayStatus
  readonly paused: NonNullable<Status['paused']> | null
}

/** The same for people. */
export function verificationText({ guard, links, day, paused }: VerifiedFacts): string {
  const each = links.map(({ id, subject, expiresAt, spent, reserved, revoked, paused: pause }, index) =>
    [
      `link ${index + 1}   ${id}${subject === undefined ? '' : `  for ${subject}`}`,
      `until ${expiresAt.toISOString()}`,
      `spent ${formatUsd(spent)}${reserved > 0 ? ` and ${formatUsd(reserved)} reserved` : ''}`,
      revoked ? `revoked: ${revoked.message}` : pause ? `paused: ${pause.message}` : 'good',
    ].join('  '),
  )
  return [
    `The guard '${guard}' has signed it.`,
    ...each,
    `today    ${formatUsd(day.left)} of ${formatUsd(day.cap)} left`,
    ...(paused === null ? [] : [`paused   ${paused.message}`]),
  ].join('\n')
}
