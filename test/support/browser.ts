import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'

/** Gives each site a process of its own, as browsers with windows do, and the headless shell does not. */
export const APART = '--site-per-process'

/** Starts the Chromium that is at hand; of several, the one that is the least work. */
export async function launchBrowser(...flags: string[]): Promise<Browser> {
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  return chromium.launch({ executablePath: found.path, args: [...CHROMIUM_FLAGS, ...flags] })
}
