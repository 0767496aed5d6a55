import { z } from 'zod'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { usd } from '../policy/money.js'
import { checked } from '../policy/schema.js'
import { duration, narrowingShape, policyShape } from '../policy/shapes.js'
import { SOLVER_NAMES } from '../solvers/table.js'
import { PROFILES } from './environment.js'
import type { PolicyConfig, SolveguardConfig } from './types.js'

const text = (what: string) => z.string({ error: `expected ${what}` }).min(1, `expected ${what}`)
const method = (name: string) =>
  z.custom<object>((value) => typeof (value as Record<string, unknown> | null)?.[name] === 'function')

/** An address that a key or a token is sent to: `https:`, or `http:` on a loopback address. */
const address = (example: string) =>
  z.string().refine(
    (value) => {
      try {
        checkBaseUrl(value)
        return true
      } catch {
        return false
      }
    },
    { error: `expected an address such as '${example}': https:, or http: on a loopback address` },
  )

const SECRET =
  "expected the place of the key, such as { env: 'SOLVEGUARD_KEY' }, { file: '…' } or { exec: ['op', 'read', '…'] }, " +
  'or a provider; never the key itself'

/** Plain data for a place of a key. */
const secretPlace = z.union(
  [
    z.strictObject({ env: text('the name of a variable'), keep: z.boolean().optional() }),
    z.strictObject({
      file: text('the path of a file'),
      allowGroup: z.boolean().optional(),
      mounted: z.boolean().optional(),
    }),
    z.strictObject({ exec: z.array(z.string()).min(1), firstLine: z.boolean().optional() }),
    z.strictObject({
      vault: z.strictObject({
        path: z.string(),
        mount: z.string().optional(),
        field: z.string().optional(),
        address: z.string().optional(),
        namespace: z.string().optional(),
      }),
    }),
    z.strictObject({ aws: z.string(), region: z.string().optional(), field: z.string().optional() }),
  ],
  { error: SECRET },
)

const SOLVER = `expected one of ${SOLVER_NAMES.join(', ')}, or { name: '…', baseUrl: '…' }, or a solver`
const service = z.enum(SOLVER_NAMES, { error: SOLVER })
const LEDGER = "expected { dir: '…' }, { file: '…' } or { redis: 'rediss://…' }, or a ledger"
const AUDIT = "expected { dir: '…' }, or an audit sink, or a list of them"

/** What JSON can hold. The schema for editors is made of it. */
const plainFields = {
  $schema: z.string().optional(),
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits and . _ -')
    .describe("The budget's name, shared by every process that uses it.")
    .optional(),
  solver: z
    .union(
      [service, z.strictObject({ name: service, baseUrl: z.string().optional(), trustCost: z.boolean().optional() })],
      { error: SOLVER },
    )
    .describe('The service that solves.')
    .optional(),
  secret: secretPlace.describe('Where the key is. Never the key.').optional(),
  secretCache: z
    .strictObject({ ttl: duration.optional(), staleFor: duration.optional() })
    .describe('How long a fetched key is used.')
    .optional(),
  policy: narrowingShape.describe('What is allowed.').optional(),
  ledger: z
    .union(
      [
        z.strictObject({ dir: text('the path of a folder') }),
        z.strictObject({ file: text('the path of a file') }),
        z.strictObject({ redis: text('an address such as rediss://host:6380'), prefix: z.string().optional() }),
      ],
      { error: LEDGER },
    )
    .describe('Where spending is counted.')
    .optional(),
  audit: z
    .strictObject({ dir: text('the path of a folder'), key: secretPlace.optional() }, { error: AUDIT })
    .describe('Where audit records go.')
    .optional(),
  onLeak: z.enum(['alert', 'pause']).describe('What happens when money leaves the balance elsewhere.').optional(),
  sharedKey: z.boolean().describe('Whether the key is also used elsewhere.').optional(),
  connectWithin: duration.describe('How long a solve tries to connect.').optional(),
  stateDir: text('the path of a folder').describe('The folder of the ledger and the audit log.').optional(),
  trace: text('the path of a file').describe('The path of a wire log.').optional(),
  broker: address('https://broker.internal:8443')
    .describe('The address of a broker. Its token is in SOLVEGUARD_TOKEN.')
    .optional(),
  brokerCa: text('the path of a file').describe("The file of the authority of the broker's certificate.").optional(),
}

/** What a file holds, with the objects that only code can make. Those are checked by `createGuard`. */
const fileShape = z.strictObject({
  ...plainFields,
  solver: z.union([plainFields.solver, method('readSubmit')], { error: SOLVER }),
  secret: z.union([plainFields.secret, method('fetch')], { error: SECRET }),
  ledger: z.union([plainFields.ledger, method('reserve')], { error: LEDGER }),
  audit: z.union([plainFields.audit, method('write'), z.array(method('write'))], { error: AUDIT }),
  ...Object.fromEntries(
    ['solvers', 'alerts', 'tokens', 'ca', 'logger', 'clock'].map((field) => [field, z.unknown().optional()]),
  ),
})

/** What is wrong with a configuration. */
export interface ConfigProblem {
  /** `policy.budget.perDay`; empty for the whole. */
  readonly path: string
  readonly problem: string
}

/** Checks a configuration without profiles, whose amounts are money. */
export function configProblems(config: SolveguardConfig): readonly ConfigProblem[] {
  const result = checked(fileShape, config)
  if ('data' in result) return []
  return result.problems.map(({ path, problem }) => ({ path: path.replace(/^\./, ''), problem }))
}

/** What is wrong with a policy that a guard would be created with. */
export function policyProblems(policy: PolicyConfig): readonly ConfigProblem[] {
  const result = checked(policyShape, policy)
  return 'data' in result ? [] : result.problems.map(({ path, problem }) => ({ path: `policy${path}`, problem }))
}

/** The smallest amount that a policy takes, in micro-dollars. */
const LEAST = 100
const AMOUNT = /^\$(\d{1,7}(?:\.\d{1,6})?)$/

/**
 * A policy whose amounts are money: `'$5'` is `usd(5)`.
 * @throws SolveguardError `CONFIG_INVALID` for a text that is no amount
 */
export function withMoney(policy: PolicyConfig): PolicyConfig {
  const { budget } = policy
  if (typeof budget !== 'object' || budget === null) return policy
  const read = (value: unknown, path: string): unknown => {
    if (typeof value === 'object' && value !== null && 'amount' in value) {
      return { ...value, amount: read(value.amount, `${path}.amount`) }
    }
    // Micro-dollars: so few of them are meant as dollars.
    if (typeof value !== 'string' && !(typeof value === 'number' && value > 0 && value < LEAST)) return value
    const [, amount] = AMOUNT.exec(String(value)) ?? []
    if (amount !== undefined) return usd(amount)
    throw new SolveguardError('CONFIG_INVALID', `policy.budget.${path}: expected an amount such as '$5.00'.`)
  }
  const amounts = (['perDay', 'perSolve', 'perOrigin'] as const).flatMap((field) =>
    budget[field] === undefined ? [] : [[field, read(budget[field], field)]],
  )
  return { ...policy, budget: { ...budget, ...Object.fromEntries(amounts) } }
}

const AMOUNT_SCHEMA = {
  anyOf: [
    { type: 'string', pattern: AMOUNT.source, description: 'Dollars, such as $5 or $0.003' },
    { type: 'integer', minimum: 0, description: 'Micro-dollars' },
  ],
}
const DAILY_SCHEMA = {
  anyOf: [
    ...AMOUNT_SCHEMA.anyOf,
    {
      type: 'object',
      properties: { amount: AMOUNT_SCHEMA, resets: { const: 'calendar' }, timeZone: { type: 'string' } },
      required: ['amount', 'resets'],
      additionalProperties: false,
    },
  ],
}

/** The JSON Schema of `solveguard.config.json`, for editors. */
export function configJsonSchema(): object {
  const profile = z.strictObject(plainFields)
  const profiles = z.strictObject(Object.fromEntries(PROFILES.map((name) => [name, profile.optional()]))).optional()
  return z.toJSONSchema(z.strictObject({ ...plainFields, profiles }), {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      if (zodSchema !== narrowingShape.shape.budget.unwrap()) return
      const { properties = {} } = jsonSchema
      Object.assign(properties, { perDay: DAILY_SCHEMA, perOrigin: DAILY_SCHEMA, perSolve: AMOUNT_SCHEMA })
    },
  })
}
