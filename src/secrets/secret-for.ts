import { SolveguardError } from '../base/errors.js'
import type { SecretProvider } from './provider.js'

/** What a secret is for. */
export interface SecretNames {
  /** E.g. `staging`. 1 to 64 letters, digits and `. _ -`. */
  readonly environment: string
  /** E.g. `checkout`. */
  readonly application?: string | undefined
  /** Other environments that may have the very same key. By default none may. */
  readonly sharedWith?: readonly string[] | undefined
}

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

/**
 * A secret that is named by what it is for: one template for all environments and applications, filled in here. The guard then also
 * refuses a key that its ledger knows as another environment's, so that a test run cannot spend production's money by mistake.
 *
 * @param template how secrets are named, with `{environment}` and `{application}` in it
 * @param provider makes the provider for the name
 * @throws SolveguardError `CONFIG_INVALID` for a name or a template that cannot be one
 * @example
 * secretFor({ environment: 'staging', application: 'checkout' }, 'captcha/{environment}/{application}', (path) => vaultSecret({ path }))
 */
export function secretFor(
  names: SecretNames,
  template: string,
  provider: (name: string) => SecretProvider,
): SecretProvider {
  const { environment, application, sharedWith = [] } = names
  const given = [environment, ...(application === undefined ? [] : [application]), ...sharedWith]
  if (given.some((name) => typeof name !== 'string' || !NAME.test(name))) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'secretFor: an environment or application is 1 to 64 letters, digits and . _ -, and begins with a letter or digit.',
    )
  }
  const name = template.replace(/\{(\w*)\}/g, (_, what: string) => {
    const value = what === 'environment' ? environment : what === 'application' ? application : undefined
    if (value !== undefined) return value
    const problem =
      what === 'application' ? 'no application was given' : 'there is only {environment} and {application}'
    throw new SolveguardError('CONFIG_INVALID', `secretFor: the template has {${what}}, but ${problem}.`)
  })
  const inner = provider(name)
  return {
    kind: inner.kind,
    place: inner.place,
    environment,
    sharedWith,
    fetch: (signal) => inner.fetch(signal),
    ...(inner.start && { start: (use) => inner.start?.(use) ?? (() => {}) }),
  }
}
