import type { BrowserContext } from 'playwright/test'
import type { GuardOptions } from '../../guard/options.js'

/** What takes the place of the vendors and the service in a suite without a key. */
export interface StandInSuite extends AsyncDisposable {
  /** The options of the worker's guard. */
  readonly options: GuardOptions
  /** Has the stand-ins answer the vendors' addresses in the pages of a context. */
  route(context: BrowserContext): Promise<void>
}

/** Connects to the stand-ins of the suite, or starts them in this worker. */
export async function standInSuite(options: GuardOptions): Promise<StandInSuite> {
  return { options, route: async () => {}, [Symbol.asyncDispose]: async () => {} }
}
