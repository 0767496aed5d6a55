import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'

/** Starts the Chromium that is at hand. */
export async function launchBrowser(): Promise<Browser> {
  const found = await findBrowser()
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  return chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
}
