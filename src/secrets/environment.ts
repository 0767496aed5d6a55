/** The values removed from the environment, by variable: several providers of one process may use the same variable. */
const remembered = new Map<string, string>()

/**
 * The value of a variable that grants access to a key (a login's token, a vault's decryption key), or undefined. Unless
 * `keep` is set, the variable is removed from the environment, as `envSecret` does with the key itself: processes that
 * are started later do not inherit it. The value is remembered until the process ends, or the variable is set again.
 */
export function takeVariable(name: string, keep = false): string | undefined {
  const text = Object.hasOwn(process.env, name) ? process.env[name] : undefined
  if (!text) return remembered.get(name)
  if (!keep) delete process.env[name]
  remembered.set(name, text)
  return text
}
