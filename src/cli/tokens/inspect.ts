import { formatUsd, type Money } from '../../policy/money.js'
import type { Policy } from '../../policy/schema.js'
import { expiryOf, readClaims, splitToken, wireOf } from '../../tokens/claims.js'
import type { ServiceName } from '../../wires/services.js'

/** What a token states. Nothing of it is a secret: no part of the token, and no tag. */
export interface TokenFacts {
  /** The guard that it is for. */
  readonly guard: string
  readonly notBefore: Date
  readonly expiresAt: Date
  readonly expired: boolean
  /** The service whose clients use it at a broker; null: by the request. */
  readonly wire: ServiceName | null
  /** The length of its text. */
  readonly characters: number
  /** The link that was issued first, then those that were added. */
  readonly links: readonly {
    readonly id: string
    readonly subject: string | null
    /** Of this link; null: as long as those before it. */
    readonly expiresAt: Date | null
    readonly policy: Policy
  }[]
}

/**
 * Reads a token, offline. Whether what it states is true depends on its signature, which only its guard can verify.
 * @throws DeniedError `TOKEN_INVALID`
 */
export function tokenFacts(token: string, now: number): TokenFacts {
  const { audience, notBefore, links } = readClaims(splitToken(token))
  const expiresAt = expiryOf(links)
  return {
    guard: audience,
    notBefore: new Date(notBefore),
    expiresAt: new Date(expiresAt),
    expired: now >= expiresAt,
    wire: wireOf(links) ?? null,
    characters: token.length,
    links: links.map(({ id, subject, expiresAt: until, policy }) => ({
      id,
      subject: subject ?? null,
      expiresAt: until === undefined ? null : new Date(until),
      policy: withoutPasswords(policy),
    })),
  }
}

/** A page's proxy may have a password. */
function withoutPasswords(policy: Policy): Policy {
  const pageProxies = policy.pageProxies.map((proxy) => proxy.replace(/\/\/[^/@]*@/, '//***@'))
  return { ...policy, pageProxies }
}

/** The same for people. */
export function inspectionText({ guard, expiresAt, expired, notBefore, wire, characters, links }: TokenFacts): string {
  const head = [
    `guard    ${guard}`,
    `valid    ${notBefore.toISOString()} to ${expiresAt.toISOString()}${expired ? ', expired' : ''}`,
    ...(wire === null ? [] : [`wire     ${wire}`]),
    `length   ${characters} of at most 4096 characters`,
  ]
  const each = links.flatMap(({ id, subject, expiresAt: until, policy }, index) => [
    `link ${index + 1}   ${id}${subject === null ? '' : `  for ${subject}`}${until === null || index === 0 ? '' : `  until ${until.toISOString()}`}`,
    ...limits(policy).map((line) => `         ${line}`),
  ])
  return [...head, ...each].join('\n')
}

function limits({ origins, budget, schedules, pageProxies }: Policy): readonly string[] {
  const money = (what: string, amount: Money | undefined): string[] =>
    amount === undefined ? [] : [`${what} ${formatUsd(amount)}`]
  const number = (what: string, count: number | undefined): string[] =>
    count === undefined ? [] : [`${what} ${count}`]
  const stated = [
    ...(origins ? [`origins ${origins.join(', ')}`] : []),
    ...money('a day', budget.perDay),
    ...money('a solve', budget.perSolve),
    ...money('an origin and day', budget.perOrigin),
    ...number('a minute', budget.perMinute),
    ...number('at a time', budget.concurrent),
    ...number('a page', budget.perPage),
    ...(schedules.length > 0 ? ['working hours only'] : []),
    ...(pageProxies.length > 0 ? [`pages through ${pageProxies.join(', ')}`] : []),
  ]
  return stated.length > 0 ? stated : ['no limits besides those before it']
}
