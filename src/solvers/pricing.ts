import { z } from 'zod'
import { type Family, VARIANTS } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { usd } from '../policy/money.js'
import type { Price } from './solver.js'

/**
 * What a service charges: for each solve (one amount, or one for each family), or by the month for so many solves at a time. Under
 * threads a solve costs nothing more: `imputedUsd` is what it counts for in budgets, and results say that it is imputed.
 *
 * @example
 * captchaAI({ pricing: { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } })
 * captchaAI({ pricing: { per: 'solve', usd: { recaptcha: 0.003 } } })
 */
export type Pricing =
  | { readonly per: 'solve'; readonly usd: number | Readonly<Partial<Record<Family, number>>> }
  | {
      readonly per: 'thread'
      readonly threads: number
      readonly usdPerMonth: number
      readonly imputedUsd: number
    }

const DEAREST_SOLVE_USD = 100

// At most six decimals: a solve that rounds to nothing would let a budget last for ever.
const perSolve = z
  .number()
  .min(0)
  .max(DEAREST_SOLVE_USD)
  .refine((value) => Math.abs(value * 1e6 - Math.round(value * 1e6)) < 1e-3, 'has more than six decimals')

const families = Object.keys(VARIANTS) as Family[]

const schema = z.discriminatedUnion('per', [
  z.strictObject({
    per: z.literal('solve'),
    usd: z.union([perSolve, z.partialRecord(z.enum(families), perSolve)]),
  }),
  z.strictObject({
    per: z.literal('thread'),
    threads: z.int().min(1).max(100_000),
    usdPerMonth: z.number().min(0).max(1_000_000),
    imputedUsd: perSolve,
  }),
])

/**
 * Checks a pricing and gives back the function from family to price.
 * @param solver for messages
 * @throws SolveguardError `CONFIG_INVALID`, which names the field
 */
export function priceList(pricing: Pricing, solver: string): (challenge: { readonly family: Family }) => Price {
  const parsed = schema.safeParse(pricing)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = ['pricing', ...(issue?.path ?? [])].join('.')
    throw new SolveguardError('CONFIG_INVALID', `${solver}: ${field} is not valid: ${issue?.message ?? 'wrong shape'}.`)
  }
  const list = parsed.data
  if (list.per === 'thread') {
    const price: Price = { amount: usd(list.imputedUsd), imputed: true }
    return () => price
  }
  const { usd: amounts } = list
  if (typeof amounts === 'number') {
    const price: Price = { amount: usd(amounts), imputed: false }
    return () => price
  }
  const prices = new Map(Object.entries(amounts).map(([family, amount]) => [family, usd(amount)]))
  return ({ family }) => {
    const amount = prices.get(family)
    if (amount === undefined) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `${solver}: pricing.usd.${family} is missing, so nothing can be reserved.`,
      )
    }
    return { amount, imputed: false }
  }
}
