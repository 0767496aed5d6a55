import { readFileSync } from 'node:fs'
import { messageOf, SolveguardError } from '../../base/errors.js'
import { usd } from '../../policy/money.js'
import type { NarrowingInput } from '../../policy/schema.js'

/** The largest file of a policy, in bytes. A token has at most 4 KiB. */
const MAX_POLICY_BYTES = 64 * 1024

/** What a token may do, as options of a command. */
export interface PolicyFlags {
  readonly policy?: string | undefined
  readonly origin?: readonly string[] | undefined
  readonly perDay?: string | undefined
  readonly perMinute?: string | undefined
  readonly concurrent?: string | undefined
  readonly perSolve?: string | undefined
}

/** The options, for `command.option(...)`: the flag, what it does. */
export const POLICY_FLAGS = [
  ['--policy <file>', 'a JSON file with a policy, such as { "origins": ["https://staging.example.com"] }'],
  ['--origin <origin...>', 'the origins that it may solve for'],
  ['--per-day <usd>', 'the most that it may spend in 24 hours, in dollars'],
  ['--per-minute <count>', 'the most solves in 60 seconds'],
  ['--concurrent <count>', 'the most solves at a time'],
  ['--per-solve <usd>', 'the highest price of one solve, in dollars'],
] as const

/**
 * The policy that options state. An option counts in place of the same field of the file.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names the option
 */
export function policyOf(flags: PolicyFlags): NarrowingInput {
  const { policy: file, origin, perDay, perMinute, concurrent, perSolve } = flags
  const stated: NarrowingInput = file === undefined ? {} : readPolicy(file)
  const budget = {
    ...stated.budget,
    ...(perDay !== undefined && { perDay: dollars('--per-day', perDay) }),
    ...(perMinute !== undefined && { perMinute: count('--per-minute', perMinute) }),
    ...(concurrent !== undefined && { concurrent: count('--concurrent', concurrent) }),
    ...(perSolve !== undefined && { perSolve: dollars('--per-solve', perSolve) }),
  }
  return {
    ...stated,
    ...(origin && { origins: [...origin] }),
    ...(Object.keys(budget).length > 0 && { budget }),
  }
}

function readPolicy(file: string): NarrowingInput {
  try {
    const text = readFileSync(file)
    if (text.length > MAX_POLICY_BYTES) throw new Error(`it has more than ${MAX_POLICY_BYTES} bytes`)
    const value: unknown = JSON.parse(text.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    throw new Error('it is not a JSON object')
  } catch (cause) {
    throw new SolveguardError('CONFIG_INVALID', `--policy ${file}: ${messageOf(cause)}.`, { cause })
  }
}

/** Dollars, as a decimal number. `Number` would take `0x10`, `1e9` and an empty text too. */
function dollars(flag: string, text: string): NonNullable<NonNullable<NarrowingInput['budget']>['perSolve']> {
  if (/^\d{1,6}(?:\.\d{1,6})?$/.test(text)) return usd(Number(text))
  throw invalid(`${flag}: expected dollars such as 0.25, not ${text}`)
}

function count(flag: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw invalid(`${flag}: expected a whole number from 1, not ${text}`)
}

function invalid(sentence: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `${sentence}.`)
}
