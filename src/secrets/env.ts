import { DeniedError, SolveguardError } from '../base/errors.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion, SecretVersions } from './provider.js'

/** Options of `envSecret`. */
export interface EnvSecretOptions {
  /**
   * Whether the variable stays in the environment. Otherwise it is removed once it was read, so that browsers and other
   * processes that are started later do not inherit the key.
   * @default false
   */
  readonly keep?: boolean | undefined
}

/** How to have one field of a JSON secret in a variable. ECS names it behind the secret's ARN. */
const JSON_FIELD = 'the field where the variable is defined (in ECS: `valueFrom: <ARN>:<field>::`)'

/**
 * What a variable has in place of its key where a program has to see that the key is there (`noteTakenKey`). It holds
 * nothing of the key, and with its spaces it can be none.
 */
export const TAKEN_NOTE = 'solveguard has taken the key out of this variable'

/** The variables that have the note in place of their key. */
const noted = new Set<string>()

/** The keys removed from the environment, by variable: several guards of one process may use the same variable. */
const remembered = new Map<string, SecretVersions | DeniedError>()

/**
 * A key from an environment variable, the default provider. The variable is read, and removed from `process.env`, when
 * the provider is created. If it is set again later, the next fetch uses the new value, and keeps the old one as the
 * previous version.
 *
 * @param name the variable's name; default: `SOLVEGUARD_KEY`
 * @throws SolveguardError `CONFIG_INVALID` for a name that no variable can have; the provider's `fetch` throws a
 *   `DeniedError`: `SECRET_MISSING` for a variable that is not set, `SECRET_INVALID` for a value that cannot be a key
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
      if (!found) throw missing(name)
      if (found instanceof DeniedError) throw found
      return found
    },
  }
}

/**
 * Leaves a note in a variable out of which `envSecret` has taken the key, in this process. Code that only asks whether
 * the variable is set (`test.skip(!process.env.SOLVEGUARD_KEY)`) then has the right answer. Without a key there is no
 * note.
 */
export function noteTakenKey(name: string): void {
  if (!remembered.has(name) || textOf(name)) return
  noted.add(name)
  process.env[name] = TAKEN_NOTE
}

/** Own properties only: a variable may be called `constructor`. */
function textOf(name: string): string | undefined {
  return Object.hasOwn(process.env, name) ? process.env[name] : undefined
}

function missing(name: string): DeniedError {
  const text =
    textOf(name) === TAKEN_NOTE
      ? `The environment variable ${name} has no key: solveguard has taken it out, in the process that started this ` +
        "one. Give this process the service's API key itself."
      : `The environment variable ${name} is not set: set it to the service's API key.`
  return new DeniedError('SECRET_MISSING', text)
}

function take(name: string, keep: boolean): void {
  const text = textOf(name)
  if (!text || text === TAKEN_NOTE) return
  if (!keep) {
    if (noted.has(name)) process.env[name] = TAKEN_NOTE
    else delete process.env[name]
  }
  try {
    remembered.set(name, withNew(remembered.get(name), text, name))
  } catch (error) {
    // Kept, so that the next fetch reports a mistake made while rotating, instead of silently using the old key.
    remembered.set(name, error as DeniedError)
  }
}

function withNew(known: SecretVersions | DeniedError | undefined, text: string, name: string): SecretVersions {
  const value = parseKey(text, `the environment variable ${name}`, JSON_FIELD)
  const current: SecretVersion = { value, version: value.fingerprint }
  if (!known || known instanceof DeniedError) return { current }
  return known.current.version === current.version ? known : { current, previous: known.current }
}
