// Installs what a command of this project needs, on a fresh clone too: packages, a browser, a few programs. Plain Node
// without packages, because it runs before there are any. Its messages are written to stderr.
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const OLDEST_NODE = '20.18.1'
const POLICY_RC = '/usr/sbin/policy-rc.d'

/** A browser comes from the machine, never with the packages. */
const NO_DOWNLOADS = { PUPPETEER_SKIP_DOWNLOAD: '1', PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' }

/**
 * Packages, as package-lock.json has them.
 * @param {(sentence: string) => never} fail
 */
export function ensurePackages(fail = exitWith) {
  const tooOld = process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) < 0
  if (tooOld) fail(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or newer.`)
  if (packagesMatch()) return
  print('Installing packages…')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env: { ...process.env, ...NO_DOWNLOADS },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`)
    fail('The packages could not be installed: npm ci failed, as above.')
  }
}

/**
 * A Chromium that the tests and the demo can drive.
 * @param {(sentence: string) => never} fail
 */
export async function ensureBrowser(fail = exitWith) {
  const { findBrowser, noBrowser } = await import('./find-browser.mjs')
  if (await findBrowser()) return
  if (!process.env.CHROMIUM_PATH) installDebian(['chromium'])
  if (!(await findBrowser())) fail(noBrowser())
}

/**
 * The browser of the tests that need no windows, which are most of a run. Any Chromium is used where this one cannot be
 * installed.
 */
export async function ensureHeadlessShell() {
  const { findBrowser, HEADLESS_SHELL } = await import('./find-browser.mjs')
  const found = await findBrowser({ windows: false })
  if (found && ![HEADLESS_SHELL, 'CHROMIUM_PATH', 'playwright'].includes(found.source)) {
    installDebian([HEADLESS_SHELL], { optional: true })
  }
}

/** A Firefox that the tests can drive. */
export async function ensureFirefox() {
  const { findFirefox } = await import('./find-browser.mjs')
  if (findFirefox()) return
  if (process.env.FIREFOX_PATH)
    exitWith('FIREFOX_PATH names no program: correct it, or unset it to use an installed one.')
  installDebian(['firefox-esr'])
  if (!findFirefox()) exitWith('No Firefox was found: install it, or set FIREFOX_PATH.')
}

/** The programs that the tests of each project run, besides browsers. */
export const PROGRAMS = {
  pages: ['chromedriver'],
  processes: ['tinyproxy', 'squid', 'danted', 'redis-server', 'strace', 'jq'],
  faults: ['redis-server', 'strace'],
}

/** Debian packages that are not named as their program is. */
const PACKAGES = /** @type {Readonly<Record<string, string>>} */ ({
  chromedriver: 'chromium-driver',
  danted: 'dante-server',
  'systemd-analyze': 'systemd',
})

/**
 * Programs that tests run.
 * @param {readonly string[]} names
 */
export function ensurePrograms(names) {
  const missing = () => names.filter((name) => !findProgram(name))
  if (missing().length === 0) return
  installPrograms(names)
  const left = missing()
  if (left.length > 0) exitWith(`Install ${left.join(' and ')} and put ${left.length > 1 ? 'them' : 'it'} on the PATH.`)
}

/**
 * Installs the Debian packages of programs that are missing, all at once, where this is Debian and we may.
 * @param {readonly string[]} names
 */
export function installPrograms(names) {
  const missing = names.filter((name) => !findProgram(name))
  if (missing.length > 0) installDebian(missing.map((name) => PACKAGES[name] ?? name))
}

/**
 * Where a program is, or undefined.
 * @param {string} name
 */
export function findProgram(name) {
  // Debian keeps servers in sbin, which is not on every user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin']
  const endings = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
  return folders.flatMap((folder) => endings.map((ending) => join(folder, name + ending))).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Whether the installed packages are those of the lock file. npm keeps a list of what it installed; a package for
 * another kind of machine is rightly not on it.
 */
function packagesMatch() {
  const installed = `${root}node_modules/.package-lock.json`
  if (!existsSync(installed)) return false
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages
  return Object.keys(wanted).every((path) => {
    if (path === '') return true
    return have[path] ? have[path].version === wanted[path].version : wanted[path].optional === true
  })
}

/**
 * Installs Debian packages, where this is Debian and we may; otherwise does nothing.
 * @param {string[]} names
 * @param {{ optional?: boolean }} [options] whether nothing is missing without them
 */
export function installDebian(names, { optional = false } = {}) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || !findProgram('apt-get')) return
  print(`Installing ${names.join(', ')}…`)
  withoutServices(() => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    try {
      execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'pipe' })
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env, stdio: 'pipe' })
    } catch (error) {
      if (!optional) process.stderr.write(String(/** @type {{ stderr?: Buffer }} */ (error).stderr ?? error))
    }
  })
}

/**
 * Debian starts a server when its package is installed, unless this file prevents it. The tests start their own,
 * on ports of their own; a machine that has such a file already has decided for itself.
 * @param {() => void} install
 */
function withoutServices(install) {
  if (existsSync(POLICY_RC)) return install()
  // An interrupted run must not leave the file behind.
  const interrupted = () => process.exit(130)
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted)
  try {
    writeFileSync(POLICY_RC, '#!/bin/sh\nexit 101\n')
    chmodSync(POLICY_RC, 0o755)
    install()
  } finally {
    rmSync(POLICY_RC, { force: true })
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>} its exit code; 1 if a signal ended it
 */
export function ended(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** @param {string} text */
export function print(text) {
  process.stderr.write(`${text}\n`)
}

/**
 * @param {string} sentence
 * @returns {never}
 */
export function exitWith(sentence) {
  print(sentence)
  process.exit(1)
}
