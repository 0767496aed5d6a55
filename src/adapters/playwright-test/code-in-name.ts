import { SolveguardError } from '../../base/errors.js'

/**
 * Runs `run`. Playwright prints the name and the message of what it throws, and nothing else of it: an error of this
 * package gets its code into its name, `DeniedError [BUDGET_EXHAUSTED]`.
 */
export async function codeInName<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof SolveguardError && !Object.hasOwn(error, 'name')) {
      Object.defineProperty(error, 'name', { value: `${error.name} [${error.code}]`, configurable: true })
    }
    throw error
  }
}
