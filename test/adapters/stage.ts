import { expect } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/engine/captcha.js'
import type { Clock } from '../../src/base/clock.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { freePort } from '../support/loopback.js'
import { type Mutable, setStage, type VendorStage } from '../support/stage.js'
import { type FakeGrant, fakeGrant } from './fake-grant.js'
import { type Tool, type ToolContext, type ToolPage, until } from './tool.js'

/** What the contract tests share: one vendor and site; for each test a context, its page and its guard. */
export interface ToolStage<P, E, Page extends ToolPage<P>>
  extends VendorStage<StandInRecaptcha, ToolContext<P, E, Page>> {
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
  const at = {} as Mutable<ToolStage<P, E, Page>>

  setStage(at, {
    family: 'recaptcha',
    async start() {
      const port = await freePort()
      return startRecaptcha({ clock, port, url: `http://${tool.vendorHost ?? 'localhost'}:${port}` })
    },
    pages: async () => pages,
    open: () => tool.open(),
  })

  return Object.assign(at, {
    async visit(path, ready = RENDERED, policy = {}, options = {}) {
      at.grant = fakeGrant(at.vendor, policy)
      at.captcha = await at.context.guard(at.grant, undefined, options)
      at.page = await at.context.newPage()
      await at.page.goto(`${at.site.url}${path}`)
      await until(at.page, ready)
    },
    async find() {
      const found = await at.captcha.find(at.page.native)
      expect(found.unknown).toEqual([])
      return [...found]
    },
    calls: () => at.page.evaluate('calls.length'),
  } satisfies Partial<ToolStage<P, E, Page>>)
}
