import type { BrowserContext, Page } from 'playwright-core'
import type { CaptchaMethods, ExtraOptions, ExtraPlugin } from './options.js'
import plugin, { type PluginOptions as PuppeteerOptions } from './puppeteer.js'

export type * from '../engine/public-types.js'
export type { CaptchaMethods, ExtraDefaults, ExtraOptions, ExtraPlugin, ExtraProvider } from './options.js'
export type * from './recaptcha-plugin-types.js'

/** The plugin's options: those for puppeteer-extra, with Playwright's contexts and pages. */
export interface PluginOptions extends ExtraOptions<BrowserContext, Page> {}

declare module 'playwright-core' {
  interface Page extends CaptchaMethods {}
  interface Frame extends CaptchaMethods {}
}

/**
 * The plugin of `solveguard/puppeteer-extra` for playwright-extra: pages and frames get the same methods.
 *
 * @throws SolveguardError `CONFIG_INVALID` for unknown or unsupported options
 * @example
 * chromium.use(solveguard({ guard: await createGuard({ policy: { origins: ['https://staging.example.com'] } }) }))
 * const browser = await chromium.launch()
 * const context = await browser.newContext()
 * const page = await context.newPage()
 * await page.goto('https://staging.example.com/login')
 * const { solved, error } = await page.solveRecaptchas()
 */
export default function solveguard(options: PluginOptions): ExtraPlugin {
  // The plugin only passes contexts and pages on, and uses what both tools have in common.
  const common: ExtraOptions<never, never> = options
  return plugin(common as PuppeteerOptions)
}
