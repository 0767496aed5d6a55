import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { SolveResult } from '../../adapters/engine/result.js'
import { messageOf, SolveguardError } from '../../base/errors.js'
import type { Grant } from '../../guard/types.js'
import type { CommandContext } from '../context.js'
import { usageError } from '../failure.js'

/** What is used of a page, whichever tool it is of. */
interface AnyPage {
  goto(url: string, options?: { timeout?: number }): Promise<unknown>
}

interface AnyContext {
  newPage(): Promise<AnyPage>
}

interface AnyBrowser {
  newContext?(): Promise<AnyContext>
  createBrowserContext?(): Promise<AnyContext>
  close(): Promise<void>
}

interface Launcher {
  /** Throws where it knows of none. */
  executablePath(): string
  launch(options: { executablePath?: string; headless: boolean; args: string[] }): Promise<AnyBrowser>
}

const PACKAGES = ['playwright', 'playwright-core', '@playwright/test', 'puppeteer', 'puppeteer-core'] as const
const NAVIGATION_MS = 30_000
/** How long a page may take to show its first widget. */
const WIDGET_MS = 10_000

/** Opens a page in a browser of the project, and solves what is due in it. */
export async function solvePage(context: CommandContext, grant: Grant, url: string): Promise<SolveResult> {
  const { launcher, isPlaywright } = findTool(context.cwd)
  const executablePath = await browserFor(context, launcher, isPlaywright)
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = await begun('The browser did not start', () =>
    launcher.launch({ headless: true, args, ...(executablePath && { executablePath }) }),
  )
  context.defer(() => browser.close())
  const made = await (browser.newContext?.() ?? browser.createBrowserContext?.())
  if (!made) throw usageError('This version of the browser tool has no contexts: update it.')
  const captcha = await guarded(grant, made, isPlaywright)
  context.defer(() => captcha.close())
  const page = await made.newPage()
  await begun('The page could not be opened', () => page.goto(url, { timeout: NAVIGATION_MS }))
  // A widget's script loads later than the page. Where the policy does not name the page, nothing is waited for.
  const { layers } = await grant.explain(url)
  const isNamed = layers.every(({ layer, ok }) => layer !== 'origin' || ok)
  if (isNamed) {
    await captcha.waitFor(page as never, { timeout: WIDGET_MS, signal: context.signal }).catch(() => {})
  }
  return captcha.solve(page as never, { signal: context.signal })
}

/** The two adapters have the same methods, for pages of different types. */
async function guarded(grant: Grant, made: AnyContext, isPlaywright: boolean) {
  if (isPlaywright) {
    const { guardContext } = await import('../../adapters/playwright/index.js')
    return guardContext(grant, made as Parameters<typeof guardContext>[1])
  }
  const { guardContext } = await import('../../adapters/puppeteer/index.js')
  return guardContext(grant, made as Parameters<typeof guardContext>[1])
}

/** The browser tool of the project in which the command runs. */
function findTool(cwd: string): { readonly launcher: Launcher; readonly isPlaywright: boolean } {
  const require = createRequire(join(cwd, 'package.json'))
  for (const name of PACKAGES) {
    const isPlaywright = name.includes('playwright')
    try {
      const tool = require(name) as { readonly chromium?: Launcher; readonly default?: Launcher } & Launcher
      const launcher = isPlaywright ? tool.chromium : (tool.default ?? tool)
      if (launcher) return { launcher, isPlaywright }
    } catch {
      // It is not installed here: perhaps the next one is.
    }
  }
  throw usageError('--url needs a browser tool: run `npm install playwright` (or puppeteer) in this project.')
}

/** The program to start; undefined: the tool's own, which is there. What `doctor` has found is taken before none. */
async function browserFor(
  { env: { CHROMIUM_PATH, PUPPETEER_EXECUTABLE_PATH } }: CommandContext,
  launcher: Launcher,
  isPlaywright: boolean,
): Promise<string | undefined> {
  const named = CHROMIUM_PATH ?? (isPlaywright ? undefined : PUPPETEER_EXECUTABLE_PATH)
  if (named !== undefined || hasOwn(launcher)) return named
  const { findBrowser, noBrowser } = await import('../../demo/browser.js')
  const found = await findBrowser()
  if (found) return found.path
  throw failure(noBrowser())
}

/** Whether the tool's own browser is installed. */
function hasOwn(launcher: Launcher): boolean {
  try {
    return existsSync(launcher.executablePath())
  } catch {
    return false
  }
}

async function begun<T>(what: string, begin: () => Promise<T>): Promise<T> {
  try {
    return await begin()
  } catch (error) {
    throw failure(`${what} (${messageOf(error).split(/[\n·]/)[0]}).`)
  }
}

/** Not used wrongly: something did not work. */
function failure(sentence: string): SolveguardError {
  return new SolveguardError('COMMAND_FAILED', sentence)
}
