import { createRequire } from 'node:module'
import type * as runner from 'playwright/test'
import { SolveguardError } from '../../base/errors.js'

const require = createRequire(import.meta.filename)

/**
 * Loads the Playwright Test that runs the user's suite: `test` must come from that copy. Users install it as
 * `@playwright/test` or as `playwright`; the former depends on the latter, which a strict package manager may hide from
 * this package.
 *
 * @throws SolveguardError `CONFIG_INVALID` if neither is installed
 */
export function loadRunner(): typeof runner {
  for (const name of ['@playwright/test', 'playwright/test']) if (isInstalled(name)) return require(name)
  throw new SolveguardError(
    'CONFIG_INVALID',
    'solveguard/playwright-test needs Playwright Test: npm install --save-dev @playwright/test',
  )
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}
