import { SolveguardError } from '../base/errors.js'
import type { SecretProvider } from './provider.js'

/** The environment and the application that a secret is for. */
export interface SecretNames {
  /** Such as `staging`: 1 to 64 letters, digits and `. _ -`. */
  readonly environment: string
  /**
   * Such as `checkout`: 1 to 64 letters, digits and `. _ -`.
   * @default none
   */
  readonly application?: string | undefined
  /**
   * Other environments that may have the same key.
   * @default none
   */
  readonly sharedWith?: readonly string[] | undefined
}

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

/**
 * A secret for one environment and application, whose name is made from a template. The guard then also denies a key
 * that its ledger records as another environment's (`KEY_OF_ANOTHER_ENVIRONMENT`), so that a test run cannot spend
 * production's money by mistake.
 *
 * @param names the environment and the application
 * @param template the name of the secret, with `{environment}` and `{application}` in it
 * @param provider creates the provider for the name
 * @throws SolveguardError `CONFIG_INVALID` for a name or a template that is not valid
 * @example
 * const names = { environment: 'staging', application: 'checkout' }
 * createGuard({ secret: secretFor(names, 'captcha/{environment}/{application}', (path) => vaultSecret({ path })), … })
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
      'secretFor: an environment or application has 1 to 64 letters, digits and . _ -, the first a letter or digit.',
    )
  }
  const name = template.replace(/\{(\w*)\}/g, (_, placeholder: string) => {
    const value = placeholder === 'environment' ? environment : placeholder === 'application' ? application : undefined
    if (value !== undefined) return value
    const problem =
      placeholder === 'application' ? 'no application was given' : 'only {environment} and {application} are known'
    throw new SolveguardError('CONFIG_INVALID', `secretFor: the template has {${placeholder}}, but ${problem}.`)
  })
  const inner = provider(name)
  return {
    kind: inner.kind,
    place: inner.place,
    environment,
    sharedWith,
    fetch: (signal) => inner.fetch(signal),
    ...(inner.start && { start: (context) => inner.start?.(context) ?? (() => {}) }),
  }
}
