import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/engine/captcha.js'
import type { Clock } from '../../src/base/clock.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { type StandInSite, startSite } from '../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { freePort } from '../support/loopback.js'
import { type FakeGrant, fakeGrant } from './fake-grant.js'
import { type Tool, type ToolContext, type ToolPage, until } from './tool.js'

/** What the contract tests share: one vendor and site; for each test a context, its page and its guard. */
export interface ToolStage<P, E, Page extends ToolPage<P>> {
  readonly recaptcha: StandInRecaptcha
  readonly site: StandInSite
  readonly context: ToolContext<P, E, Page>
  readonly page: Page
  readonly grant: FakeGrant
  readonly captcha: Captcha<P, E>
  /**
   * Guards the context and opens a page of the site in it.
   * @param ready an expression to wait for; by default the vendor has rendered its first widget
   */
  visit(path: string, ready?: string, policy?: Omit<PolicyInput, 'origins'>, options?: CaptchaOptions<P>): Promise<void>
  /** The widgets of the page; it has none of unknown families. */
  find(): Promise<FoundChallenge[]>
  /** How often the page's callback was called. */
  calls(): Promise<unknown>
}

/** Buttons of the site's pages. */
export const GO = '#go'
export const SUBMIT = '#login button'

/** The vendor has rendered its first widget. */
export const RENDERED = 'document.querySelector("iframe[name^=a-]")'

/**
 * @param pages further pages of the site
 * @param clock the vendor's
 */
export function toolStage<P, E, Page extends ToolPage<P>>(
  tool: Tool<P, E, Page>,
  pages: Readonly<Record<string, string>> = {},
  clock?: Clock,
): ToolStage<P, E, Page> {
  type Stage = ToolStage<P, E, Page>
  const now = {} as { -readonly [K in 'recaptcha' | 'site' | 'context' | 'page' | 'grant' | 'captcha']: Stage[K] }

  beforeAll(async () => {
    const port = await freePort()
    now.recaptcha = await startRecaptcha({ clock, port, url: `http://${tool.vendorHost ?? 'localhost'}:${port}` })
    now.site = await startSite({ recaptcha: now.recaptcha, pages })
  })
  afterAll(async () => {
    await now.site?.close()
    await now.recaptcha?.close()
  })
  beforeEach(async () => {
    now.context = await tool.open()
  })
  afterEach(async () => {
    now.recaptcha.setBehavior(now.site.sitekey, {})
    await now.context.close()
  })

  return {
    get recaptcha() {
      return now.recaptcha
    },
    get site() {
      return now.site
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
    async visit(path, ready = RENDERED, policy = {}, options = {}) {
      now.grant = fakeGrant(now.recaptcha, policy)
      now.captcha = await now.context.guard(now.grant, undefined, options)
      now.page = await now.context.newPage()
      await now.page.goto(`${now.site.url}${path}`)
      await until(now.page, ready)
    },
    async find() {
      const found = await now.captcha.find(now.page.native)
      expect(found.unknown).toEqual([])
      return [...found]
    },
    calls: () => now.page.evaluate('calls.length'),
  }
}
