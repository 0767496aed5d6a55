import { z } from 'zod'
import { SolveguardError } from '../../base/errors.js'
import type { Transport } from '../../egress/transport.js'
import { type BudgetPolicy, type NarrowingInput, type Policy, parseNarrowing } from '../../policy/schema.js'
import type { SecretCacheOptions } from '../../secrets/cache.js'
import { envSecret } from '../../secrets/env.js'
import type { SecretProvider } from '../../secrets/provider.js'
import { captchaAI } from '../../solvers/captchaai.js'
import type { Solver } from '../../solvers/solver.js'
import { checkName } from '../admission/names.js'
import { Budget, termsOf } from '../spending/budgets.js'
import type { AccountParts } from './account.js'

/** One of several services that a guard may use, with its key. */
export interface SolverAccount {
  /** The service. */
  solver: Solver
  /** Where its key comes from. */
  secret: SecretProvider
  /**
   * Its name in budgets, records and events. Required where two accounts have the same solver.
   *
   * @default the solver's name
   */
  name?: string | undefined
  /**
   * Whether the key is also used outside this ledger: see `sharedKey` of the guard's options.
   *
   * @default `sharedKey` of the guard's options
   */
  sharedKey?: boolean | undefined
  /**
   * What may be spent with this account, besides what the policy allows for all.
   *
   * @default no limit of its own
   */
  budget?: AccountBudget | undefined
}

/** The budget of one account: each of its solves draws on it too. */
export type AccountBudget = Pick<
  NonNullable<NarrowingInput['budget']>,
  'perDay' | 'perMinute' | 'concurrent' | 'perSolve' | 'alertsAt'
>

const BUDGET_FIELDS: ReadonlySet<string> = new Set<keyof AccountBudget>([
  'perDay',
  'perMinute',
  'concurrent',
  'perSolve',
  'alertsAt',
])

/** The user's input: one solver and its key, or several accounts. */
export interface AccountInput {
  readonly solver?: Solver | undefined
  readonly secret?: SecretProvider | undefined
  readonly solvers?: readonly SolverAccount[] | undefined
  readonly sharedKey?: boolean | undefined
}

/** What the guard passes to each account. */
interface AccountContext {
  readonly guard: string
  /** The time zone whose midnight starts a day of the account's budget, if the budget names none. */
  readonly timeZone: string
  readonly secretCache: Pick<SecretCacheOptions, 'ttlMs' | 'staleForMs'>
  readonly transport: (solver: Solver, egress: Policy['egress']) => Transport
}

export const hasMethod = (name: string, method: string) =>
  z.custom<object>((value) => typeof (value as Record<string, unknown> | null)?.[method] === 'function', {
    message: `expected ${name}`,
  })

export const aSolver = hasMethod("a solver such as captchaAI(), from 'solveguard/solvers'", 'readSubmit')
export const aSecret = hasMethod(
  "a secret provider such as envSecret('SOLVEGUARD_KEY'), from 'solveguard/secrets'",
  'fetch',
)

/** The shape of `solvers`. */
export const accountsShape = z
  .array(
    z.strictObject({
      solver: aSolver,
      secret: aSecret,
      name: z.string().optional(),
      budget: z.looseObject({}).optional(),
      sharedKey: z.boolean().optional(),
    }),
    { error: 'expected a list such as [{ solver: captchaAI(), secret: envSecret(…) }, …]' },
  )
  .min(1, 'name at least one solver')
  .max(20, 'at most 20 solvers')

/**
 * The accounts of a guard, in the order in which they are tried.
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 */
export function accountsOf(
  input: AccountInput,
  { guard, timeZone, secretCache, transport }: AccountContext,
): AccountParts[] {
  const account = (solver: Solver, secret: SecretProvider, name: string): AccountParts => ({
    name,
    solver,
    secret,
    secretCache,
    sharedKey: input.sharedKey,
    transport: (egress) => transport(solver, egress),
  })
  const { solvers } = input
  if (!solvers) {
    const { solver = captchaAI(), secret = envSecret() } = input
    return [account(solver, secret, solver.name)]
  }
  if (input.solver || input.secret) {
    throw new SolveguardError('CONFIG_INVALID', 'options: set either solver and secret, or solvers.')
  }
  const names = new Set<string>()
  return solvers.map(({ solver, secret, name: ownName, budget, sharedKey = input.sharedKey }, index) => {
    const field = `options.solvers[${index}]`
    const name = checkName(ownName ?? solver.name, `${field}.name`)
    if (names.has(name)) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `${field}.name: another account has the name ${name} too; give each account its own name.`,
      )
    }
    names.add(name)
    const ownPolicy = budgetOf(budget, `${field}.budget`, timeZone)
    return {
      ...account(solver, secret, name),
      perSolve: ownPolicy.perSolve,
      sharedKey,
      claim: new Budget(`${guard}:${name}`, termsOf(ownPolicy)),
    }
  })
}

function budgetOf(budget: AccountBudget | undefined, field: string, timeZone: string): BudgetPolicy {
  for (const key of Object.keys(budget ?? {})) {
    // Limits on pages and waiting belong to the policy, not to an account.
    if (!BUDGET_FIELDS.has(key)) {
      throw new SolveguardError('CONFIG_INVALID', `${field}: expected only ${[...BUDGET_FIELDS].join(', ')}.`)
    }
  }
  return parseNarrowing({ budget }, timeZone).budget
}
