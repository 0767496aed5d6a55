import type { Browser, BrowserContext, Frame, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import type { GuardContextOptions } from '../../src/adapters/engine/guard-driver.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import type { WidgetFamily } from '../../src/base/challenge.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type SiteVendor, type StandInSite, startSite, WELCOME } from '../../src/testing/site/index.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { type FakeGrant, fakeGrant, type Seller } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { sharedBrowser } from '../support/browser.js'
import { fixturePages } from '../support/fixture-pages.js'

/** A vendor's stand-in, as the tests of one family need it. */
export interface Vendor extends SiteVendor, Seller {
  setBehavior(sitekey: string, behavior: object): void
  close(): Promise<void>
}

/**
 * What the tests of one family share: one browser, vendor and site; for each test a context, its page and its guard.
 */
export interface Stage<V> {
  readonly browser: Browser
  readonly vendor: V
  readonly vendorClock: ManualClock
  readonly site: StandInSite
  readonly sitekey: string
  readonly context: BrowserContext
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
  const now = {} as {
    -readonly [K in 'browser' | 'vendor' | 'site' | 'context' | 'page' | 'grant' | 'captcha']: Stage<V>[K]
  }
  const vendorClock = manualClock(Date.now())

  beforeAll(async () => {
    now.browser = await sharedBrowser()
    now.vendor = await start({ clock: vendorClock })
    now.site = await startSite({ [family]: now.vendor, pages: await pages() })
  })

  afterAll(async () => {
    await now.site?.close()
    await now.vendor?.close()
  })

  beforeEach(async () => {
    now.context = await now.browser.newContext()
    await prepare(now.context, now.vendor)
  })

  afterEach(async () => {
    now.vendor.setBehavior(now.site.sitekeys[family], {})
    await now.context.close()
  })

  const at: Stage<V> = {
    vendorClock,
    get browser() {
      return now.browser
    },
    get vendor() {
      return now.vendor
    },
    get site() {
      return now.site
    },
    get sitekey() {
      return now.site.sitekeys[family]
    },
    get context() {
      return now.context
    },
    get page() {
      return now.page
    },
    get grant() {
      return now.grant
    },
    get captcha() {
      return now.captcha
    },
    async guard(policy = {}, options = {}) {
      now.grant = fakeGrant(now.vendor, policy)
      now.captcha = await guardContext(now.grant, now.context, undefined, options)
    },
    async newPage() {
      now.page = await now.context.newPage()
    },
    async open(path) {
      await at.newPage()
      await now.page.goto(`${now.site.url}${path}`)
    },
    async visit(path, policy, options) {
      await at.guard(policy, options)
      await at.open(path)
      await at.rendered()
    },
    async rendered() {
      if (frames) await at.framed()
    },
    frames: () => now.page.frames().filter((frame) => frames?.test(frame.url())),
    framed: (many = 1) => eventually(() => at.frames().length >= many),
    async find() {
      const found = await now.captcha.find(now.page)
      expect(found.unknown).toEqual([])
      return [...found]
    },
    due: () => eventually(async () => (await at.find())[0]?.due === true),
    calls: () => now.page.evaluate('calls'),
    async welcomed() {
      expect(await now.page.textContent('h1.good')).toBe(WELCOME)
    },
  }
  return at
}

/** Waits until only the grace of a solve under way waits for the clock. */
export async function inGrace(clock: ManualClock): Promise<void> {
  let quiet = 0
  await eventually(() => {
    quiet = clock.waiting === 1 ? quiet + 1 : 0
    return quiet > 10
  })
}
