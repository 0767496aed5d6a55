import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'

/** Starts an installed Chromium; of several, the one that starts with the least work. */
export async function launchBrowser(): Promise<Browser> {
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  return chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
}
