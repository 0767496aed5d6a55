import { chromium } from 'playwright-core'
import { addExtra as addPlaywrightExtra } from 'playwright-extra'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { addExtra } from 'puppeteer-extra'
import { CHROMIUM_FLAGS, findBrowser } from '../../../scripts/find-browser.mjs'
import type { ExtraPlugin } from '../../../src/adapters/extra/options.js'
import solveguardPlaywright from '../../../src/adapters/extra/playwright.js'
import solveguard from '../../../src/adapters/extra/puppeteer.js'
import type { Grant } from '../../../src/guard/types.js'

/** A plugin as both tools take it, of whatever package. */
export type AnyPlugin = ExtraPlugin | object

export type ToolName = 'puppeteer-extra' | 'playwright-extra'
export const TOOL_NAMES: readonly ToolName[] = ['puppeteer-extra', 'playwright-extra']

/** What is used here of a page, or of a frame, of either tool. */
export type ExtraPage = Pick<
  Page,
  | 'findCaptchas'
  | 'solveCaptchas'
  | 'findRecaptchas'
  | 'getRecaptchaSolutions'
  | 'enterRecaptchaSolutions'
  | 'solveRecaptchas'
  | 'close'
> & {
  goto(url: string): Promise<unknown>
  evaluate(expression: string): Promise<unknown>
  frames(): ExtraFrame[]
}

export type ExtraFrame = Omit<ExtraPage, 'goto' | 'close' | 'frames'> & { url(): string }

/** A browser of either tool, with plugins. */
export interface ExtraBrowser extends AsyncDisposable {
  newPage(): Promise<ExtraPage>
}

/** Our plugin, for a tool. */
export function ownPlugin(tool: ToolName, guard: Grant | Promise<Grant>, more: object = {}): ExtraPlugin {
  return tool === 'puppeteer-extra' ? solveguard({ guard, ...more }) : solveguardPlaywright({ guard, ...more })
}

/** Launches a browser as users of a tool do, with these plugins in this order. */
export async function launchExtra(tool: ToolName, plugins: readonly AnyPlugin[]): Promise<ExtraBrowser> {
  const executablePath = (await findBrowser({ windows: false }))?.path ?? ''
  const options = { executablePath, args: CHROMIUM_FLAGS }
  // The types of both tools are those of older versions.
  const extra = tool === 'puppeteer-extra' ? addExtra(puppeteer as never) : addPlaywrightExtra(chromium)
  for (const plugin of plugins) extra.use(plugin as never)
  const browser: Browser = (await extra.launch(options)) as never
  return {
    newPage: async () => (await browser.newPage()) as never,
    [Symbol.asyncDispose]: () => browser.close(),
  }
}
