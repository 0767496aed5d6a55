import { DeniedError, SolveguardError } from '../../base/errors.js'
import type { GuardOptions } from '../../guard/options.js'
import { envSecret, noteTakenKey } from '../../secrets/env.js'
import type { SecretProvider } from '../../secrets/provider.js'

/** What a suite does without a key. */
export type WithoutKey = 'fail' | 'skip' | 'stand-ins'

/** The options of a suite's guard: those of `createGuard`, and what happens where there is no key. */
export interface SuiteGuardOptions extends GuardOptions {
  /**
   * What happens where there is no key, as in a pull request from a fork:
   * - `'fail'`: `captcha.solve` throws the denial `SECRET_MISSING`
   * - `'skip'`: each test with the fixture `captcha` is skipped, with the reason in the report
   * - `'stand-ins'`: the vendors and the solver service are the stand-ins of `solveguard/testing`
   *
   * @default 'fail'
   */
  withoutKey?: WithoutKey | undefined
}

const VALUES: readonly WithoutKey[] = ['fail', 'skip', 'stand-ins']

/** The options of a worker's guard, after the key was taken out of the worker's environment. */
export interface SuiteKey {
  readonly withoutKey: WithoutKey
  /** With the providers that have taken the key; undefined where the suite has no options. */
  readonly options: GuardOptions | undefined
}

/**
 * Takes the key out of the environment: what is started afterwards, the browser above all, does not inherit it. A note
 * that holds nothing of it stays, so that a test can still ask whether there is a key.
 *
 * @throws SolveguardError `CONFIG_INVALID` for an unknown `withoutKey`
 */
export function takeKey(suite: SuiteGuardOptions | undefined): SuiteKey {
  if (!suite) {
    leaveNote(envSecret())
    return { withoutKey: 'fail', options: undefined }
  }
  const { withoutKey, ...options } = suite
  if (!options.solvers) options.secret ??= envSecret()
  for (const { secret } of options.solvers ?? [options]) leaveNote(secret)
  return { withoutKey: checked(withoutKey), options }
}

/** Whether every account of the guard is without its key. A store that does not answer may have one. */
export async function hasNoKey({ solvers, secret }: GuardOptions): Promise<boolean> {
  const missing = await Promise.all((solvers ?? [{ secret }]).map((account) => isMissing(account.secret)))
  return missing.every(Boolean)
}

async function isMissing(secret: SecretProvider | undefined): Promise<boolean> {
  try {
    await secret?.fetch()
    return false
  } catch (error) {
    return error instanceof DeniedError && error.code === 'SECRET_MISSING'
  }
}

function leaveNote(secret: SecretProvider | undefined): void {
  if (secret?.kind === 'env') noteTakenKey(secret.place)
}

function checked(value: WithoutKey = 'fail'): WithoutKey {
  if (VALUES.includes(value)) return value
  throw new SolveguardError(
    'CONFIG_INVALID',
    `captchaGuardOptions.withoutKey: expected ${VALUES.map((one) => `'${one}'`).join(', ')}.`,
  )
}
