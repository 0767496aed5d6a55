import { createRequire } from 'node:module'
import type * as runner from 'playwright/test'
import { SolveguardError } from '../../base/errors.js'

const require = createRequire(import.meta.filename)

/**
 * The Playwright Test that the user's suite runs on: `test` has to come from that very copy. Users have installed it as
 * `@playwright/test` or as `playwright`; the former brings the latter, which a strict package manager may hide from us.
 *
 * @throws SolveguardError `CONFIG_INVALID` if there is neither
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
