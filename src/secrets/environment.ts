/** What was taken out of the environment, by variable: several providers of one process may use the same one. */
const remembered = new Map<string, string>()

/**
 * The value of a variable that leads to a key (a login's token, a key that opens a vault), or undefined. Unless told to
 * keep it, the variable is taken out of the environment, as the key itself is by `envSecret`: what is started later does not inherit
 * it. Remembered for the life of the process; a value that is set later takes its place.
 */
export function takeVariable(name: string, keep = false): string | undefined {
  const text = Object.hasOwn(process.env, name) ? process.env[name] : undefined
  if (!text) return remembered.get(name)
  if (!keep) delete process.env[name]
  remembered.set(name, text)
  return text
}
