import { chromium } from 'playwright'
import type { TestProject } from 'vitest/node'
import { CHROMIUM_FLAGS, findBrowser, PROCESS_PER_SITE } from '../../scripts/find-browser.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the Chromium that all test files share is reached. */
    readonly browser: string
    /** Where the one of the tests of widgets is. */
    readonly widgetBrowser: string
  }
}

/** Starts them before the first test of the project, and ends them after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Of several browsers on the machine, the one that is the least work.
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  const launch = (args: string[]) => chromium.launchServer({ executablePath: found.path, args })
  const server = await launch(CHROMIUM_FLAGS)
  project.provide('browser', server.wsEndpoint())
  const ofWidgets = await launch(CHROMIUM_FLAGS.filter((flag) => flag !== PROCESS_PER_SITE))
  project.provide('widgetBrowser', ofWidgets.wsEndpoint())
  return async () => {
    await server.close()
    await ofWidgets.close()
  }
}
