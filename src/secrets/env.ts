import { DeniedError, SolveguardError } from '../base/errors.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion, SecretVersions } from './provider.js'

/** How `envSecret` treats the variable. */
export interface EnvSecretOptions {
  /**
   * Whether the variable stays in the environment. By default it is taken out as soon as it was read, so that browsers
   * and other processes that are started later do not inherit the key.
   */
  readonly keep?: boolean | undefined
}

/** What was taken out of the environment, by variable: several guards in one process may use the same one. */
const remembered = new Map<string, SecretVersions | DeniedError>()

/**
 * A key from an environment variable, the default provider. The variable is read, and taken out of `process.env`, when
 * the provider is made. If it is set again later, the next fetch takes the new value, and keeps the old one as the
 * version before.
 *
 * @param name the variable's name
 * @throws SolveguardError `CONFIG_INVALID` for something that cannot be a variable's name
 * @example
 * createGuard({ secret: envSecret('CAPTCHAAI_KEY'), … })
 */
export function envSecret(name = 'SOLVEGUARD_KEY', { keep = false }: EnvSecretOptions = {}): SecretProvider {
  if (typeof name !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]{0,199}$/.test(name)) {
    throw new SolveguardError('CONFIG_INVALID', 'envSecret(name) takes the name of an environment variable.')
  }
  take(name, keep)
  return {
    kind: 'env',
    place: name,
    fetch() {
      take(name, keep)
      const found = remembered.get(name)
      if (!found) {
        throw new DeniedError(
          'SECRET_MISSING',
          `The environment variable ${name} is not set: put the service's API key there.`,
        )
      }
      if (found instanceof DeniedError) throw found
      return found
    },
  }
}

function take(name: string, keep: boolean): void {
  // Own variables only: `constructor` is a name that a variable may have.
  const text = Object.hasOwn(process.env, name) ? process.env[name] : undefined
  if (!text) return
  if (!keep) delete process.env[name]
  try {
    remembered.set(name, withNew(remembered.get(name), text, name))
  } catch (error) {
    // Kept, so that a mistake made while rotating is told at the next fetch and does not bring the old key back unnoticed.
    remembered.set(name, error as DeniedError)
  }
}

function withNew(before: SecretVersions | DeniedError | undefined, text: string, name: string): SecretVersions {
  const value = parseKey(text, `the environment variable ${name}`)
  const current: SecretVersion = { value, version: value.fingerprint }
  if (!before || before instanceof DeniedError) return { current }
  return before.current.version === current.version ? before : { current, previous: before.current }
}
