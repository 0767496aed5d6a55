// Finds browsers. Of the Chromium family: what the user names, Playwright's own, Chrome, Chromium.
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A process for each site, as browsers with windows have by themselves. */
export const PROCESS_PER_SITE = '--site-per-process'

/** What Chromium needs to run as root in a container, and to keep to itself while it is tested. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  PROCESS_PER_SITE,
]

/** Chromium without windows: what Playwright runs unless a window is wanted, at a third of the CPU time. */
export const HEADLESS_SHELL = 'chromium-headless-shell'

/**
 * The program itself: what Debian has on the PATH is a script that waits for it. chromedriver kills a browser's process
 * at the end of a session, and would kill the script alone.
 */
const HEADLESS_SHELL_PROGRAM = `/usr/lib/chromium/${HEADLESS_SHELL}`

const NAMES = ['google-chrome', 'google-chrome-stable', 'chrome', 'chromium', 'chromium-browser']
const FIREFOX_NAMES = ['firefox', 'firefox-esr']
const MAC = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/**
 * @param {{ windows?: boolean }} [wanted] without windows, Debian's headless shell is preferred to other browsers
 * @returns {Promise<{ path: string, source: string } | undefined>} the program, and where it was found
 */
export async function findBrowser({ windows = true } = {}) {
  const named = process.env.CHROMIUM_PATH
  if (named) return isProgram(named) ? { path: named, source: 'CHROMIUM_PATH' } : undefined
  const own = await playwrightsOwn()
  if (own) return { path: own, source: 'playwright' }
  if (!windows && isProgram(HEADLESS_SHELL_PROGRAM)) return { path: HEADLESS_SHELL_PROGRAM, source: HEADLESS_SHELL }
  const onPath = findOnPath(windows ? NAMES : [HEADLESS_SHELL, ...NAMES])
  if (onPath) return onPath
  const mac = MAC.find(isProgram)
  return mac ? { path: mac, source: 'Applications' } : undefined
}

/** The message for when there is none. */
export function noBrowser() {
  return process.env.CHROMIUM_PATH
    ? 'CHROMIUM_PATH names no program: correct it, or unset it to use an installed browser.'
    : 'No browser was found: install Google Chrome or Chromium, run `npx playwright install chromium`, or set CHROMIUM_PATH.'
}

/**
 * @returns {string | undefined} the Firefox that FIREFOX_PATH names, or that is on the PATH
 */
export function findFirefox() {
  const named = process.env.FIREFOX_PATH
  if (named) return isProgram(named) ? named : undefined
  return findOnPath(FIREFOX_NAMES)?.path
}

/**
 * @param {readonly string[]} names
 * @returns {{ path: string, source: string } | undefined}
 */
function findOnPath(names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name)
      if (folder && isProgram(path)) return { path, source: name }
    }
  }
  return undefined
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
