import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'

/** Starts the Chromium that is at hand; of several, the one that is the least work. */
export async function launchBrowser(): Promise<Browser> {
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  return chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
}
