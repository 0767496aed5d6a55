import { z } from 'zod'
import { type AnyChallenge, type Family, VARIANTS, type Variants } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { type Money, usd } from '../policy/money.js'
import type { Price } from './solver.js'

/** A family, or one variant of it: `recaptcha`, `recaptcha/enterprise-score`. */
export type PriceKey = { [F in Family]: F | `${F}/${Variants[F]}` }[Family]

/**
 * What a service charges, in US dollars: for each solve (one amount, or one for each family or variant), or by the
 * month for a number of threads. Families that are absent keep their list price. With threads a solve costs nothing in
 * addition: `imputedUsd` is what it counts as in budgets, and results are marked as imputed.
 *
 * @example
 * captchaAI({ pricing: { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } })
 * twoCaptcha({ pricing: { per: 'solve', usd: { recaptcha: 0.001, 'recaptcha/v3': 0.00145 } } })
 */
export type Pricing =
  | {
      /** The service charges for each solve. */
      readonly per: 'solve'
      /** US dollars for one solve: one amount, or one for each family or variant. */
      readonly usd: number | Readonly<Partial<Record<PriceKey, number>>>
    }
  | {
      /** The service charges by the month for threads. */
      readonly per: 'thread'
      /** How many threads are paid for. */
      readonly threads: number
      /** US dollars a month for all of them. */
      readonly usdPerMonth: number
      /** US dollars that one solve counts as in budgets. */
      readonly imputedUsd: number
    }

const MAX_SOLVE_USD = 100

const DOLLARS = `is a number of dollars from 0 to ${MAX_SOLVE_USD}, such as 0.003 (not usd(…))`

// At most six decimals: with a price that rounds to 0, a budget would never be used up.
const perSolve = z
  .number({ error: DOLLARS })
  .min(0, DOLLARS)
  .max(MAX_SOLVE_USD, DOLLARS)
  .refine((value) => Math.abs(value * 1e6 - Math.round(value * 1e6)) < 1e-3, 'has more than six decimals')

const priceKey = z.enum(
  Object.entries(VARIANTS).flatMap(([family, variants]) => [family, ...variants.map((one) => `${family}/${one}`)]),
)

const EACH = `${DOLLARS}, or such numbers by family: { recaptcha: 0.003, turnstile: 0.002 }`
const schema = z.discriminatedUnion(
  'per',
  [
    z.strictObject({
      per: z.literal('solve'),
      usd: z.union([perSolve, z.partialRecord(priceKey, perSolve)], { error: EACH }),
    }),
    z.strictObject({
      per: z.literal('thread'),
      threads: z.int().min(1).max(100_000),
      usdPerMonth: z.number().min(0).max(1_000_000),
      imputedUsd: perSolve,
    }),
  ],
  { error: "is { per: 'solve', usd: 0.003 } or { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 }" },
)

type Priced = Pick<AnyChallenge, 'family' | 'variant'>

/**
 * Checks a pricing and returns the function from challenge to price.
 * @param solver the service's name, for messages
 * @param listed the service's list prices, for families that the pricing does not have
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the field
 */
export function priceFunction(pricing: Pricing, solver: string, listed: Pricing): (challenge: Priced) => Price {
  const parsed = schema.safeParse(pricing)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = ['pricing', ...(issue?.path ?? [])].join('.')
    throw new SolveguardError('CONFIG_INVALID', `${solver}: ${field} is not valid: ${issue?.message ?? 'wrong shape'}.`)
  }
  const list = parsed.data
  if (list.per === 'thread') return always({ amount: usd(list.imputedUsd), imputed: true })
  if (typeof list.usd === 'number') return always({ amount: usd(list.usd), imputed: false })
  const own = amounts(list)
  const usual = amounts(listed)
  return ({ family, variant }) => {
    const key = `${family}/${variant}`
    const amount = own.get(key) ?? own.get(family) ?? usual.get(key) ?? usual.get(family)
    if (amount === undefined) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `${solver}: pricing.usd.${family} is missing, so nothing can be reserved.`,
      )
    }
    return { amount, imputed: false }
  }
}

function always(price: Price): () => Price {
  return () => price
}

function amounts(pricing: Pricing): ReadonlyMap<string, Money> {
  if (pricing.per === 'thread' || typeof pricing.usd === 'number') return new Map()
  return new Map(Object.entries(pricing.usd).map(([key, amount]) => [key, usd(amount)]))
}
