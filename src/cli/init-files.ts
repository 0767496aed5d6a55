import type { ServiceName } from '../config/types.js'

/** Where the key of a new project is. */
export const KEY_PLACES = ['env', 'file', 'exec', 'vault'] as const
/** One of them. */
export type KeyPlace = (typeof KEY_PLACES)[number]

/** The endings of a new configuration. */
export const FORMATS = ['ts', 'mjs', 'json'] as const
/** One of them. */
export type Format = (typeof FORMATS)[number]

/** What the questions of `init` are about. */
export interface InitAnswers {
  readonly name: string
  readonly origins: readonly string[]
  readonly solver: ServiceName
  /** `$5`. */
  readonly perDay: `$${number}`
  readonly key: KeyPlace
}

const PLACES = {
  env: { env: 'SOLVEGUARD_KEY' },
  file: { file: '.secrets/captcha-key' },
  exec: { exec: ['op', 'read', 'op://Private/captcha/key'] },
  vault: { vault: { path: 'captcha/key' } },
} as const

/** What the user does with each. */
export const KEY_STEPS: Readonly<Record<KeyPlace, string>> = {
  env: 'Put the key into the variable SOLVEGUARD_KEY, by the secrets of your CI or your shell: it is in no file.',
  file: 'Put the key into .secrets/captcha-key, alone, and: chmod 600 .secrets/captcha-key',
  exec: 'Name your own password manager in `secret`: what the command prints is the key.',
  vault: 'Set VAULT_ADDR, and the path of your secret in `secret`.',
}

/** What must not be committed. */
export function ignoredLines({ key }: InitAnswers): string[] {
  return ['.solveguard/', ...(key === 'file' ? ['.secrets/'] : [])]
}

/** The configuration as plain data. */
function configOf({ name, origins, solver, perDay, key }: InitAnswers) {
  // Never more than what was answered.
  const ci: `$${number}` = Number(perDay.slice(1)) < 1 ? perDay : '$1'
  return {
    name,
    solver,
    secret: PLACES[key],
    policy: { origins: [...origins], budget: { perDay, concurrent: 10 } },
    profiles: { ci: { policy: { budget: { perDay: ci } } } },
  }
}

/** The text of the file. */
export function configText(answers: InitAnswers, format: Format): string {
  const config = configOf(answers)
  if (format === 'json') {
    const $schema = './node_modules/solveguard/dist/solveguard.schema.json'
    return `${JSON.stringify({ $schema, ...config }, null, 2)}\n`
  }
  const { name, solver, secret, policy, profiles } = config
  return `import { defineConfig } from 'solveguard/config'

export default defineConfig({
  // Every process of this name shares one budget.
  name: ${code(name)},
  solver: ${code(solver)},
  // The place of the key, never the key.
  secret: ${code(secret)},
  policy: {
    // The sites that you own or may automate. Nothing is ever solved on any other.
    origins: ${code(policy.origins)},
    // In any 24 hours, all processes together.
    budget: ${code(policy.budget)},
  },
  // \`ci\` holds where CI is set.
  profiles: ${code(profiles)},
})
`
}

/** A value as code, in the style of most projects. */
function code(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(code).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${key}: ${code(each)}`)
      .join(', ')} }`
  }
  if (typeof value !== 'string') return String(value)
  return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}
