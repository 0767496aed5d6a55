import { chromium } from 'playwright'
import type { TestProject } from 'vitest/node'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the Chromium that all test files share is reached. */
    readonly browser: string
  }
}

/** Starts it before the first test of the project, and ends it after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Of several browsers on the machine, the one that is the least work.
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  const server = await chromium.launchServer({ executablePath: found.path, args: CHROMIUM_FLAGS })
  project.provide('browser', server.wsEndpoint())
  return () => server.close()
}
