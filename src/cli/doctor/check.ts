import type { Code } from '../../base/errors.js'
import type { Configuration } from '../configuration.js'
import type { CommandContext } from '../context.js'

/** What a check found. */
export interface Finding {
  /** `skipped`: not looked at, with `--offline` or because an earlier check did not hold. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  /** What is there, in one sentence or less. */
  readonly found: string
  /** What to do; absent where all is well. */
  readonly remedy?: string | undefined
  /** The code that a solve would be denied with. */
  readonly code?: Code | undefined
}

/** What a check is given. */
export interface CheckInput {
  readonly context: CommandContext
  readonly configuration: Configuration
  /** The wall time, ms. */
  readonly now: number
}

/** One check of a real part. An error that it throws is a failed check. */
export interface Check {
  readonly name: string
  /** Whether it sends something over a network. */
  readonly online?: boolean | undefined
  run(input: CheckInput): Promise<Finding>
}

export const ok = (found: string): Finding => ({ state: 'ok', found })
export const warning = (found: string, remedy: string): Finding => ({ state: 'warning', found, remedy })
export const failed = (found: string, remedy: string, code?: Code): Finding => ({
  state: 'failed',
  found,
  remedy,
  code,
})
