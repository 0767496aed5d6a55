import { gzipSync } from 'node:zlib'
import type { Frame } from 'playwright'
import { expect, test } from 'vitest'
import { guardContext } from '../../src/adapters/playwright/index.js'
import type { WidgetFamily } from '../../src/base/challenge.js'
import { SITE_FAMILIES } from '../../src/testing/site/families.js'
import { startSite } from '../../src/testing/site/index.js'
import { VENDOR_STARTERS } from '../../src/testing/vendors/starters.js'
import { findCall, NO_SCRIPTS } from '../../src/widgets/calls.js'
import { coreScript, familyScripts, observerScript } from '../../src/widgets/page/script.js'
import { WIDGETS } from '../../src/widgets/table.js'
import { fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { widgetBrowser } from '../support/browser.js'

const FAMILIES = Object.keys(WIDGETS) as WidgetFamily[]
const REQUEST = { max: 50, frames: [], families: [] }
/** What a frame replies with the families that it was sent, and then with all families, in one task of the page. */
const BOTH = `[${findCall(REQUEST, NO_SCRIPTS)}, ${findCall(REQUEST, { families: FAMILIES })}]`

async function bothIn(frame: Frame): Promise<[string, string]> {
  return (await frame.evaluate(BOTH)) as [string, string]
}

test.each(FAMILIES)('no family is hidden for want of signs, in any page of %s', async (family) => {
  await using vendor = await VENDOR_STARTERS[family]()
  await using site = await startSite({ [family]: vendor })
  const context = await (await widgetBrowser()).newContext()
  try {
    const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
    for (const path of Object.keys(SITE_FAMILIES[family].pages)) {
      const page = await context.newPage()
      await page.goto(site.url + path)
      let [few, all] = ['', '']
      await eventually(async () => {
        await captcha.find(page)
        const own = page
          .frames()
          .filter((frame) => frame.url().startsWith('http://127.0.0.1') && frame.url().includes(path))
        for (const frame of own) {
          ;[few, all] = await bothIn(frame)
          // Since the call of `find`, there are signs of another family.
          if (few.startsWith('{"missing"')) return false
          expect(few, path).toBe(all)
        }
        return true
      })
      await page.close()
    }
  } finally {
    await context.close()
  }
})

test('a page that shows no sign is sent no family, and one that shows one later is', async () => {
  await using vendor = await VENDOR_STARTERS.recaptcha()
  await using site = await startSite({ recaptcha: vendor })
  const context = await (await widgetBrowser()).newContext()
  try {
    const captcha = await guardContext(fakeGrant(vendor), context)
    const page = await context.newPage()
    await page.goto(`${site.url}/tiny`)
    expect(await captcha.find(page)).toHaveLength(0)
    const html = '<div class="cf-turnstile" data-sitekey="0x4AAAAAAA"></div>'
    await page.evaluate((html) => document.body.insertAdjacentHTML('beforeend', html), html)
    expect(await captcha.find(page)).toMatchObject([{ family: 'turnstile' }])
    await page.evaluate(() => {
      const root = document.body.appendChild(document.createElement('p')).attachShadow({ mode: 'open' })
      root.innerHTML = '<div class="h-captcha" data-sitekey="10000000-ffff-ffff-ffff-000000000001"></div>'
    })
    expect((await captcha.find(page)).map(({ family }) => family)).toEqual(['turnstile', 'hcaptcha'])
  } finally {
    await context.close()
  }
})

test('a page that says again and again that families are missing is asked a bounded number of times', async () => {
  await using vendor = await VENDOR_STARTERS.recaptcha()
  await using site = await startSite({ recaptcha: vendor })
  const context = await (await widgetBrowser()).newContext()
  try {
    const captcha = await guardContext(fakeGrant(vendor), context)
    const page = await context.newPage()
    await page.goto(`${site.url}/tiny`)
    await page.evaluate(
      `{ const main = { add() {}, find: () => { window.asked = (window.asked || 0) + 1
        return '{"missing":["' + (window.asked % 2 ? 'geetest' : 'cap') + '"]}' } }
        const observer = new Proxy({ main }, { get: (target, name) => target[name] || (() => {}) })
        Object.defineProperty(window, Symbol.for('solveguard'), { value: observer }); 0 }`,
    )
    expect([...(await captcha.find(page).catch(() => []))]).toEqual([])
    expect(await page.evaluate('asked')).toBeLessThan(FAMILIES.length)
  } finally {
    await context.close()
  }
})

test('the scripts are small: each page of a site loads the init script, and a find sends the others', () => {
  const size = (text: string) => gzipSync(text).length
  expect(size(observerScript)).toBeLessThanOrEqual(5_120)
  expect(size(coreScript)).toBeLessThanOrEqual(9_100)
  for (const [family, text] of Object.entries(familyScripts)) expect(size(text), family).toBeLessThanOrEqual(6_800)
})
