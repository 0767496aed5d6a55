import { formatUsd, type Money } from '../policy/money.js'
import { DEFAULTS } from '../policy/schema.js'
import type { Environment } from './environment.js'
import { type ResolvedConfig, sourceOf } from './resolve.js'
import { withoutSecrets } from './secret-text.js'

/** One value that holds, and where it is from. */
export interface ConfigValue {
  /** `policy.budget.perDay`. */
  readonly path: string
  /** The value, without anything secret. Amounts are texts such as `$5.00`. */
  readonly value: unknown
  /** `--name`, `SOLVEGUARD_NAME`, `solveguard.config.ts`, `default`. */
  readonly source: string
}

/** Values where no source has one. */
const FALLBACKS: Readonly<Record<string, unknown>> = {
  name: 'default',
  solver: 'captchaai',
  secret: { env: 'SOLVEGUARD_KEY' },
  onLeak: 'alert',
  'policy.budget.perDay': DEFAULTS.perDay,
  'policy.budget.alertsAt': DEFAULTS.alertsAt,
  'policy.attempts': DEFAULTS.attempts,
  'policy.deadline': '3m',
  'policy.testKeys': DEFAULTS.testKeys,
  'policy.recaptchaV3': DEFAULTS.recaptchaV3,
}

const AMOUNTS = /^policy\.budget\.(perDay|perSolve|perOrigin)$/

/** All values that hold, with defaults, by their paths. Nothing in them is secret: of a key there is only its place. */
export function configValues(
  { config, sources }: ResolvedConfig,
  stateDir: string,
  env: Environment,
): readonly ConfigValue[] {
  const own = [...sources]
    .filter(([path]) => path !== '' && path !== '$schema' && !path.startsWith('profiles'))
    .map(([path, source]) => ({ path, source, value: valueAt(config, path) }))
  const isSet = (path: string) => sourceOf(path, new Map([...sources].filter(([key]) => key !== ''))) !== undefined
  const rest = Object.entries({ ...FALLBACKS, stateDir, ledger: { dir: config.stateDir ?? stateDir } })
    .filter(
      ([path]) => !isSet(path) && !(path === 'solver' && config.solvers) && !(path === 'secret' && config.solvers),
    )
    .map(([path, value]) => ({ path, value, source: 'default' }))
  const token = env.SOLVEGUARD_TOKEN ? [{ path: 'token', value: '[set]', source: 'SOLVEGUARD_TOKEN' }] : []
  return [...own, ...rest, ...token]
    .map(({ path, value, source }) => ({ path, value: shown(path, value), source }))
    .sort((a, b) => (rank(a.path) < rank(b.path) ? -1 : 1))
}

/** Policies last, each part beside its siblings. */
function rank(path: string): string {
  return path.includes('.') ? `~${path}` : path
}

function valueAt(config: object, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], config)
}

function shown(path: string, value: unknown): unknown {
  if (AMOUNTS.test(path) && typeof value === 'number') return formatUsd(value as Money)
  return visible(value, 0)
}

/** A value as data: of an object that code has made, what it says of itself. */
function visible(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? '[function]' : value
  if (depth > 4) return '…'
  if (Array.isArray(value)) return value.map((each) => visible(each, depth + 1))
  const { kind, place, name, baseUrl } = value as Record<string, unknown>
  if (typeof kind === 'string') return withoutSecrets(`${kind}${typeof place === 'string' ? ` ${place}` : ''}`)
  if ('readSubmit' in value) return `${String(name)} ${withoutSecrets(String(baseUrl))}`
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === 'amount' && typeof each === 'number' ? formatUsd(each as Money) : visible(each, depth + 1),
    ]),
  )
}
