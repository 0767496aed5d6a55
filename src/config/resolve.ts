import { resolve } from 'node:path'
import { printable, SolveguardError } from '../base/errors.js'
import { hasPassword, looksSecret } from './secret-text.js'
import { configProblems, policyProblems, withMoney } from './shape.js'
import type { PolicyConfig, ProfileName, SolveguardConfig } from './types.js'

/** One source of a configuration. */
export interface ConfigLayer {
  /** Where it is from, for people: `--name`, `SOLVEGUARD_NAME`, `solveguard.config.ts`. Of one field, by its path. */
  readonly source: string | ((path: string) => string)
  readonly config: SolveguardConfig
  /** The folder from which its paths are. */
  readonly folder: string
}

/** The configuration that holds, and where each of its values is from. */
export interface ResolvedConfig {
  /** Without profiles and `$schema`; paths are absolute, amounts are money. */
  readonly config: SolveguardConfig
  /** The source of each value, by its path: `policy.budget.perDay`. */
  readonly sources: ReadonlyMap<string, string>
}

/** Fields whose own fields are set one by one. Any other is replaced whole. */
const MERGED = new Set(['', 'policy', 'policy.budget', 'policy.key', 'policy.egress', 'secretCache'])

/**
 * The configuration of all layers: of a field, the first one that has it.
 *
 * @param layers highest first
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and its source
 */
export function resolveConfig(layers: readonly ConfigLayer[]): ResolvedConfig {
  const sources = new Map<string, string>()
  const parts = layers.map(({ source, config, folder }) => ({
    source: typeof source === 'string' ? () => source : source,
    value: absolute(config, folder),
  }))
  const merged = merge(parts, '', sources) as SolveguardConfig
  const { profiles: _, $schema: __, ...config } = merged
  const whole = config.policy === undefined ? config : { ...config, policy: moneyOf(config.policy, sources) }
  const [problem, ...more] = configProblems(whole)
  if (problem) throw invalid([problem, ...more], sources)
  return { config: whole, sources }
}

/**
 * The policy that a guard is created with.
 * @throws SolveguardError `CONFIG_INVALID` where there is none, or it names no origins
 */
export function checkPolicy({ config, sources }: ResolvedConfig): PolicyConfig {
  const { policy = {} } = config
  if (policy.origins === undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'policy.origins: nothing may be solved before it names the sites: write it into solveguard.config.ts ' +
        '(`npx solveguard init`), or set SOLVEGUARD_ORIGINS.',
    )
  }
  const problems = policyProblems(policy)
  if (problems.length > 0) throw invalid(problems, sources)
  return policy
}

type Part = { readonly source: (path: string) => string; readonly value: unknown }

function merge(parts: readonly Part[], path: string, sources: Map<string, string>): unknown {
  const [first] = parts
  const tables = parts.filter(({ value }) => isTable(value))
  if (!first || !MERGED.has(path) || tables.length === 0 || first.value === null || typeof first.value !== 'object') {
    if (first) sources.set(path, first.source(path))
    return first?.value
  }
  const names = [...new Set(tables.flatMap(({ value }) => Object.keys(value as object)))]
  return Object.fromEntries(
    names.flatMap((name) => {
      const below = tables
        .map(({ source, value }) => ({ source, value: (value as Record<string, unknown>)[name] }))
        .filter(({ value }) => value !== undefined)
      if (below.length === 0) return []
      return [[name, merge(below, path === '' ? name : `${path}.${name}`, sources)]]
    }),
  )
}

function isTable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** The paths of a layer are from its own folder. */
function absolute(config: SolveguardConfig, folder: string): SolveguardConfig {
  const path = (value: unknown): unknown => (typeof value === 'string' ? resolve(folder, value) : value)
  const within = (value: unknown, ...fields: string[]): unknown => {
    if (!isTable(value)) return value
    const changed = Object.entries(value).filter(([field]) => fields.includes(field))
    return changed.length === 0 || changed.some(([, each]) => typeof each !== 'string')
      ? value
      : { ...value, ...Object.fromEntries(changed.map(([field, each]) => [field, path(each)])) }
  }
  const changes: Record<string, unknown> = {
    stateDir: path(config.stateDir),
    brokerCa: path(config.brokerCa),
    trace: path(config.trace),
    secret: within(config.secret, 'file'),
    ledger: within(config.ledger, 'dir', 'file'),
    audit: within(config.audit, 'dir'),
  }
  const present = Object.entries(changes).filter(([field]) => Object.hasOwn(config, field))
  return { ...config, ...Object.fromEntries(present) }
}

function moneyOf(policy: PolicyConfig, sources: ReadonlyMap<string, string>): PolicyConfig {
  if (typeof policy !== 'object' || policy === null) return policy
  try {
    return withMoney(policy)
  } catch (error) {
    if (!(error instanceof SolveguardError)) throw error
    const [path = ''] = error.message.split(': ')
    throw invalid([{ path, problem: error.message.slice(path.length + 2).replace(/\.$/, '') }], sources)
  }
}

function invalid(
  problems: readonly { readonly path: string; readonly problem: string }[],
  sources: ReadonlyMap<string, string>,
): SolveguardError {
  const lines = problems.slice(0, 10).map(({ path, problem }) => {
    const source = sourceOf(path, sources)
    return `${path}${source === undefined ? '' : ` (${source})`}: ${problem}`
  })
  return new SolveguardError('CONFIG_INVALID', lines.join('; '))
}

/** The source of a field: its own, or that of the nearest field around it. */
export function sourceOf(path: string, sources: ReadonlyMap<string, string>): string | undefined {
  for (let at = path; at !== ''; at = at.replace(/(^|\.|\[)[^.[]*$/, '')) {
    const source = sources.get(at)
    if (source !== undefined) return source
  }
  return sources.get('')
}

const NO_KEY =
  'is a key, or looks like one; a configuration has only its place, such as { env: "SOLVEGUARD_KEY" }, because it is ' +
  'committed. Remove it, and replace it at the service: it may have been read'
const NO_PASSWORD =
  'has a password, and a configuration is committed. Put the whole address into SOLVEGUARD_LEDGER or ' +
  'SOLVEGUARD_PROXY, or, in a configuration that is code, take the password from the environment'
/** Addresses that a variable has, too. Code may take the password of any other one from the environment. */
const ADDRESS_OF_VARIABLE = /(?:^|\.)(?:ledger\.redis|policy\.egress\.proxy)$/
/** Fields whose text would be a secret. */
const SECRET_FIELD = /^(?:api_?-?)?(?:key|token|password|secret|passphrase)$/i

/**
 * The layers of what a file exports: its profile before itself.
 *
 * @param value what the file exports
 * @param file its name, for people
 * @throws SolveguardError `CONFIG_INVALID` for what is no configuration, or has a key in it
 */
export function fileLayers(value: unknown, file: string, folder: string, profile: ProfileName): ConfigLayer[] {
  if (!isTable(value)) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${file}: expected an object such as { policy: { origins: ['https://staging.example.com'] } } as its default ` +
        'export.',
    )
  }
  refuseKeys(value, file, '')
  const config = value as SolveguardConfig
  const { profiles } = config
  if (profiles === undefined) return [{ source: file, config, folder }]
  const [unknown] = isTable(profiles)
    ? Object.keys(profiles).filter((name) => !['development', 'ci', 'production'].includes(name))
    : ['']
  if (unknown !== undefined) {
    const path = unknown === '' ? 'profiles' : `profiles.${printable(unknown, 40)}`
    throw new SolveguardError('CONFIG_INVALID', `${path} (${file}): expected development, ci and production.`)
  }
  const own = profiles[profile]
  if (own === undefined) return [{ source: file, config, folder }]
  if (!isTable(own)) throw new SolveguardError('CONFIG_INVALID', `profiles.${profile} (${file}): expected an object.`)
  return [
    { source: `${file}, profile ${profile}`, config: own, folder },
    { source: file, config, folder },
  ]
}

/** Refuses a key anywhere in plain data, without a part of it in the message. */
function refuseKeys(value: unknown, file: string, path: string, depth = 0): void {
  if (depth > 8) return
  if (typeof value === 'string') {
    const field = path.split('.').at(-1) ?? ''
    if (looksSecret(value) || (SECRET_FIELD.test(field) && value !== '')) {
      throw new SolveguardError('CONFIG_INVALID', `${path} (${file}): ${NO_KEY}.`)
    }
    if (hasPassword(value) && (file.endsWith('.json') || ADDRESS_OF_VARIABLE.test(path))) {
      throw new SolveguardError('CONFIG_INVALID', `${path} (${file}): ${NO_PASSWORD}.`)
    }
    return
  }
  if (Array.isArray(value)) {
    for (const [at, each] of value.entries()) refuseKeys(each, file, `${path}[${at}]`, depth + 1)
  } else if (isTable(value)) {
    // What code has made holds its own texts: a provider, a ledger.
    if (Object.values(value).some((each) => typeof each === 'function')) return
    for (const [name, each] of Object.entries(value))
      refuseKeys(each, file, path === '' ? name : `${path}.${name}`, depth + 1)
  }
}
