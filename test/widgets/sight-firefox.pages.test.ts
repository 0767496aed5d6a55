import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, test } from 'vitest'
import { guardContext } from '../../src/adapters/puppeteer/index.js'
import type { WidgetFamily } from '../../src/base/challenge.js'
import { startSite } from '../../src/testing/site/index.js'
import { startArkose } from '../../src/testing/vendors/arkose/index.js'
import { startAwsWaf } from '../../src/testing/vendors/aws-waf/index.js'
import { startFriendly } from '../../src/testing/vendors/friendly/index.js'
import { startGeetest } from '../../src/testing/vendors/geetest/index.js'
import { startHcaptcha } from '../../src/testing/vendors/hcaptcha/index.js'
import { startMtcaptcha } from '../../src/testing/vendors/mtcaptcha/index.js'
import { startTurnstile } from '../../src/testing/vendors/turnstile/index.js'
import { fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { startFirefox } from '../support/firefox.js'
import type { Vendor } from '../support/stage.js'
import { expectSight } from './sight.js'

// Where a person can see a widget, in Firefox; in Chromium it is part of each family's contract.

const PAGES: readonly (readonly [WidgetFamily, string, () => Promise<Vendor>])[] = [
  ['hcaptcha', '/hcaptcha', startHcaptcha],
  ['turnstile', '/turnstile', startTurnstile],
  ['friendly', '/friendly/v1', startFriendly],
  ['geetest', '/geetest', startGeetest],
  ['mtcaptcha', '/mtcaptcha', startMtcaptcha],
  ['aws-waf', '/aws-waf', startAwsWaf],
  ['arkose', '/arkose/inline', startArkose],
]

let browser: Browser

beforeAll(async () => {
  browser = await startFirefox()
})
afterAll(() => browser?.close())

test.each(PAGES)('%s is due in Firefox only where a person can see it: %s', async (family, path, start) => {
  const vendor = await start()
  const site = await startSite({ [family]: vendor })
  const context = await browser.createBrowserContext()
  try {
    const captcha = await guardContext(fakeGrant(vendor), context)
    const page = await context.newPage()
    await page.goto(`${site.url}${path}`, { waitUntil: 'domcontentloaded' })
    const find = async () => [...(await captcha.find(page))]
    await eventually(async () => (await find())[0]?.due === true)
    await expectSight((expression) => page.evaluate(expression), find)
  } finally {
    await context.close()
    await site.close()
    await vendor.close()
  }
})
