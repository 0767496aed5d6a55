// Finds a browser of the Chromium family: what the user names, Playwright's own, Chrome, Chromium.
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What Chromium needs to run as root in a container, and to keep to itself while it is tested. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const NAMES = ['google-chrome', 'google-chrome-stable', 'chrome', 'chromium', 'chromium-browser']
const MAC = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/**
 * @returns {Promise<{ path: string, source: string } | undefined>} the program, and where it was found
 */
export async function findBrowser() {
  const named = process.env.CHROMIUM_PATH
  if (named) return isProgram(named) ? { path: named, source: 'CHROMIUM_PATH' } : undefined
  const own = await playwrightsOwn()
  if (own) return { path: own, source: 'playwright' }
  const folders = (process.env.PATH ?? '').split(delimiter)
  for (const name of NAMES) {
    for (const folder of folders) {
      const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name)
      if (folder && isProgram(path)) return { path, source: name }
    }
  }
  const mac = MAC.find(isProgram)
  return mac ? { path: mac, source: 'Applications' } : undefined
}

async function playwrightsOwn() {
  try {
    const { chromium } = await import('playwright')
    const path = chromium.executablePath()
    return path && isProgram(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
