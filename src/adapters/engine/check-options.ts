import { printable, SolveguardError } from '../../base/errors.js'

/**
 * Refuses unknown options: a mistyped one would have no effect, and money would be spent in another way than intended.
 * @throws SolveguardError `CONFIG_INVALID` with the option's name
 */
export function checkOptionNames(method: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${method}() has no option ${printable(unknown, 60)}, only ${known.join(', ')}.`,
  )
}
