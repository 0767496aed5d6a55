import { expect } from 'vitest'
import type { WidgetFamily } from '../../../src/base/challenge.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import type { ManualClock } from '../../../src/testing/clock.js'
import { routeVendors, type VendorStandIn } from '../../../src/testing/vendors/route.js'
import { eventually } from '../../adapters/tool.js'
import type { Vendor } from '../../support/stage.js'
import { type Stage, stage } from '../stage.js'
import { bundle } from './bundle.js'

declare global {
  interface Window {
    /** What an app records, see `apps/site.ts`. */
    callbacks: [name: string, ...values: unknown[]][]
  }
}

/** An app of `apps/`. */
interface App {
  readonly file: string
  /** Bundled for development, where React's Strict Mode renders everything twice. */
  readonly development?: true
  /** Packages that are taken in the place of others. */
  readonly alias?: Readonly<Record<string, string>>
}

/** The apps, and what a test does with them. */
export interface AppStage<V> {
  readonly at: Stage<V>
  /** Guards the context and opens an app's page. */
  start(app: string, query?: Record<string, string>, policy?: Omit<PolicyInput, 'origins'>): Promise<void>
  /** Waits until so many widgets are due. */
  dues(many: number): Promise<void>
  /** Clicks the n-th button of that name. */
  press(button: string, n?: number): Promise<void>
  /** Clicks `Sign in`, and waits for the server's reply. */
  signIn(n?: number): Promise<string>
  /** The server's reply to the last submission. */
  answer(): Promise<string>
  /** What the app's callbacks were called with, by name. */
  callbacks(): Promise<unknown[][]>
  /** Waits until one of them was called. */
  waitForCallback(name: string): Promise<void>
}

/**
 * The vendor's stand-in at the vendor's own addresses, a site whose pages are these apps, and one browser.
 *
 * @param apps by the name under which tests open them
 */
export function appStage<V extends Vendor & VendorStandIn>(
  family: WidgetFamily,
  startVendor: (options: { clock: ManualClock }) => Promise<V>,
  apps: Readonly<Record<string, App>>,
): AppStage<V> {
  const at = stage(family, startVendor, undefined, {
    pages: async () => Object.fromEntries((await Promise.all(Object.entries(apps).map(pagesOf))).flat()),
    prepare: (context, vendor) => routeVendors(context, vendor),
  })

  async function pagesOf([name, { file, development, alias }]: [string, App]): Promise<[string, string][]> {
    // Not below the family: some components take any script with `recaptcha` in its address for the vendor's.
    const script = `/apps/${name}.js`
    return [
      [`/${family}/${name}`, document(script)],
      [script, await bundle(file, development ? 'development' : 'production', alias)],
    ]
  }

  async function start(app: string, query: Record<string, string> = {}, policy: Omit<PolicyInput, 'origins'> = {}) {
    await at.guard(policy)
    await at.newPage()
    at.page.on('pageerror', (error) => expect.soft(String(error)).toBe('no error in the page'))
    await at.page.goto(`${at.site.url}/${family}/${app}?${new URLSearchParams(query)}`)
  }

  async function press(button: string, n = 0) {
    await at.page.locator(`button:text-is("${button}")`).nth(n).click()
  }

  async function answer() {
    const shown = await at.page.waitForSelector('#answer')
    return (await shown.textContent()) ?? ''
  }

  return {
    at,
    start,
    dues: (many) => eventually(async () => (await at.find()).filter(({ due }) => due).length === many),
    press,
    async signIn(n) {
      await press('Sign in', n)
      return answer()
    },
    answer,
    callbacks: () => at.page.evaluate('callbacks'),
    async waitForCallback(name) {
      await at.page.waitForFunction((wanted) => window.callbacks.some(([callbacks]) => callbacks === wanted), name)
    },
  }
}

function document(script: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title></head>
<body><script>window.SITEKEY='{{sitekey}}'</script><main id="app"></main><script src="${script}"></script></body></html>`
}
