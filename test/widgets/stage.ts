import type { Browser, BrowserContext, Frame, Page } from 'playwright'
import { expect } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import type { GuardContextOptions } from '../../src/adapters/engine/guard-driver.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import type { WidgetFamily } from '../../src/base/challenge.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { WELCOME } from '../../src/testing/site/index.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { type FakeGrant, fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { widgetBrowser } from '../support/browser.js'
import { fixturePages } from '../support/fixture-pages.js'
import { type Mutable, setStage, type Vendor, type VendorStage } from '../support/stage.js'

/**
 * What the tests of one family share: one browser, vendor and site; for each test a context, its page and its guard.
 */
export interface Stage<V> extends VendorStage<V, BrowserContext> {
  readonly browser: Browser
  readonly vendorClock: ManualClock
  readonly page: Page
  readonly grant: FakeGrant
  readonly captcha: Captcha<Page>
  /** Guards the context under a grant that sells the vendor's tokens. */
  guard(policy?: Omit<PolicyInput, 'origins'>, options?: GuardContextOptions<Page>): Promise<void>
  newPage(): Promise<void>
  /** Opens a page of the site, unguarded if nothing has guarded the context. */
  open(path: string): Promise<void>
  /** Guards, opens, and waits until the vendor's frames are there. */
  visit(path: string, policy?: Omit<PolicyInput, 'origins'>, options?: GuardContextOptions<Page>): Promise<void>
  /** The vendor's frames, including those that no selector finds. */
  frames(): Frame[]
  framed(many?: number): Promise<void>
  /** The frames of a first widget are there, if the vendor's widgets have frames. */
  rendered(): Promise<void>
  find(): Promise<FoundChallenge[]>
  /** Waits until the first widget is due. */
  due(): Promise<void>
  /** What the page's callback was called with. */
  calls(): Promise<unknown[]>
  /** Expects that the site's server has accepted the token. */
  welcomed(): Promise<void>
}

/** Options of some tests. */
export interface StageOptions<V> {
  /** The site's further pages and scripts. Default: those of `fixtures/pages`. */
  readonly pages?: () => Promise<Record<string, string>>
  /** Prepares each context. */
  readonly prepare?: (context: BrowserContext, vendor: V) => Promise<void>
}

/**
 * Starts what the tests of a family need.
 *
 * @param start starts the vendor's stand-in
 * @param frames the addresses of the frames that each widget has; undefined: it has none
 */
export function stage<V extends Vendor>(
  family: WidgetFamily,
  start: (options: { clock: ManualClock }) => Promise<V>,
  frames?: RegExp,
  { pages = async () => fixturePages(), prepare = async () => {} }: StageOptions<V> = {},
): Stage<V> {
  const vendorClock = manualClock(Date.now())
  const at = { vendorClock } as Mutable<Stage<V>>

  setStage(at, {
    family,
    start: () => start({ clock: vendorClock }),
    pages,
    async open(vendor) {
      at.browser = await widgetBrowser()
      const context = await at.browser.newContext()
      await prepare(context, vendor)
      return context
    },
  })

  return Object.assign(at, {
    async guard(policy = {}, options = {}) {
      at.grant = fakeGrant(at.vendor, policy)
      at.captcha = await guardContext(at.grant, at.context, undefined, options)
    },
    async newPage() {
      at.page = await at.context.newPage()
    },
    async open(path) {
      await at.newPage()
      await at.page.goto(`${at.site.url}${path}`)
    },
    async visit(path, policy, options) {
      await at.guard(policy, options)
      await at.open(path)
      await at.rendered()
    },
    async rendered() {
      if (frames) await at.framed()
    },
    frames: () => at.page.frames().filter((frame) => frames?.test(frame.url())),
    framed: (many = 1) => eventually(() => at.frames().length >= many),
    async find() {
      const found = await at.captcha.find(at.page)
      expect(found.unknown).toEqual([])
      return [...found]
    },
    due: () => eventually(async () => (await at.find())[0]?.due === true),
    calls: () => at.page.evaluate('calls'),
    async welcomed() {
      expect(await at.page.textContent('h1.good')).toBe(WELCOME)
    },
  } satisfies Partial<Stage<V>>)
}
