import { printable, SolveguardError } from '../../base/errors.js'

/**
 * Options that are mistyped would be of no effect, and money be spent otherwise than was meant.
 * @throws SolveguardError `CONFIG_INVALID` that names the option
 */
export function checkOptionNames(method: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${method}() has no option ${printable(unknown, 60)}, only ${known.join(', ')}.`,
  )
}
