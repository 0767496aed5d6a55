import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import type { Found } from '../../src/adapters/engine/finder.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import { type StandInSite, startSite } from '../../src/testing/site/index.js'
import { UNKNOWN_VENDORS } from '../../src/widgets/page/unknown.js'
import { parseFound } from '../../src/widgets/parse.js'
import { WIDGETS } from '../../src/widgets/table.js'
import { parseSigns } from '../../src/widgets/unknown.js'
import { fakeGrant } from '../adapters/fake-grant.js'
import { sharedBrowser } from '../support/browser.js'

describe('reports in a page:', () => {
  let site: StandInSite
  let context: BrowserContext
  let page: Page
  let captcha: Captcha<Page, never>

  beforeAll(async () => {
    site = await startSite({
      pages: { '/ordinary-words': '<p class="captcha-help">What is a captcha?</p><a href="/captcha">x</a>' },
    })
  })
  afterAll(async () => {
    await site?.close()
  })
  beforeEach(async () => {
    context = await (await sharedBrowser()).newContext()
    captcha = (await guardContext(fakeGrant({ issue: () => 'x' }), context)) as Captcha<Page, never>
    page = await context.newPage()
    // No server answers at the vendors' addresses here.
    await context.route(/^https:/, (route) => route.fulfill({ contentType: 'text/html', body: '' }))
    await page.goto(`${site.url}/tiny`)
  })
  afterEach(() => context.close())

  async function unknownWith(html: string): Promise<Found['unknown']> {
    await page.evaluate((text) => {
      document.body.innerHTML = text
    }, html)
    return (await captcha.find(page)).unknown
  }

  test('a frame of an unknown vendor, with its vendor and its visibility', async () => {
    const frame = '<iframe src="https://geo.captcha-delivery.com/captcha/?x=secret" width="300" height="200"></iframe>'
    expect(await unknownWith(frame)).toEqual([
      {
        family: 'unknown',
        vendor: 'datadome',
        pageUrl: `${site.url}/tiny`,
        frameUrl: undefined,
        visible: true,
        signs: [{ kind: 'frame', what: 'geo.captcha-delivery.com', visible: true }],
      },
    ])
    expect(await unknownWith(frame.replace('<iframe', '<iframe style="display:none"'))).toMatchObject([
      { visible: false },
    ])
  })

  test('all evidence of one vendor as one widget', async () => {
    const seen = await unknownWith(
      '<div class="procaptcha box" id="here" data-sitekey="pro_x">x</div>' +
        '<iframe src="https://js.prosopo.io/checkbox"></iframe>' +
        '<script src="https://js.prosopo.io/js/procaptcha.bundle.js"></script>',
    )
    expect(seen).toMatchObject([
      {
        vendor: 'prosopo',
        signs: [
          { kind: 'element', what: 'div#here.procaptcha', sitekey: 'pro_x', visible: true },
          { kind: 'frame', visible: true },
          { kind: 'script', what: 'js.prosopo.io', visible: false },
        ],
      },
    ])
  })

  test('an element with a sitekey that belongs to no known widget', async () => {
    expect(await unknownWith('<div class="my-captcha" data-sitekey="abc">x</div>')).toMatchObject([
      { vendor: undefined, visible: true, signs: [{ kind: 'element', what: 'div.my-captcha', sitekey: 'abc' }] },
    ])
  })

  test('a host that only has captcha in its name', async () => {
    expect(await unknownWith('<script src="//captcha.example.org/a.js"></script>')).toMatchObject([
      { vendor: undefined, visible: false, signs: [{ kind: 'script', what: 'captcha.example.org' }] },
    ])
  })

  test('a picture with captcha in its name, which solveImage can solve', async () => {
    await page.goto(`${site.url}/picture`)
    await page.waitForFunction(() => document.images[0]?.naturalWidth)
    expect((await captcha.find(page)).unknown).toMatchObject([
      { visible: true, signs: [{ kind: 'picture', what: 'img#captcha' }] },
    ])
  })

  test('evidence in an open shadow root, and in a frame', async () => {
    await page.evaluate(() => {
      const root = document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'open' })
      root.innerHTML = '<div class="procaptcha" data-sitekey="5P">x</div>'
    })
    expect((await captcha.find(page)).unknown).toMatchObject([{ vendor: 'prosopo' }])
    await page.evaluate(() => {
      document.body.innerHTML = `<iframe srcdoc='<div class="yidun">x</div>'></iframe>`
    })
    await page.frameLocator('iframe').locator('.yidun').waitFor()
    expect((await captcha.find(page)).unknown).toMatchObject([{ vendor: 'netease', frameUrl: `${site.url}/tiny` }])
  })

  test('a page that is shown before a whole site', async () => {
    await page.evaluate(() => Object.assign(window, { _cf_chl_opt: {} }))
    expect((await captcha.find(page)).unknown).toMatchObject([{ vendor: 'cloudflare-challenge-page', visible: true }])
  })

  test.each([
    ['a page that writes about it', ''],
    [
      'known vendors’ scripts',
      '<script src="https://js.hcaptcha.com/1/api.js"></script><script src="https://www.recaptcha.net/recaptcha/api.js"></script>',
    ],
    ['addresses that only have the same ending', '<script src="https://notarkoselabs.com/x.js"></script>'],
    ['a known widget', '<div class="g-recaptcha" data-sitekey="abc">x</div>'],
  ])('nothing for %s', async (_, html) => {
    if (html === '') {
      await page.goto(`${site.url}/ordinary-words`)
      expect((await captcha.find(page)).unknown).toEqual([])
    } else expect(await unknownWith(html)).toEqual([])
  })

  test('some of a thousand elements', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => `<div class="c" data-sitekey="k${n}">x</div>`).join('')
    expect(await unknownWith(many)).toHaveLength(20)
  })
})

describe('reads what a page reports of unknown widgets:', () => {
  const sign = { kind: 'frame', what: 'captcha.example', visible: true }

  test.each([
    ['nothing', undefined],
    ['no list', { length: 5 }],
    ['another kind', [{ ...sign, kind: 'window' }]],
    ['a name with a line end', [{ ...sign, what: 'a\nb' }]],
    ['a name that is too long', [{ ...sign, what: 'x'.repeat(300) }]],
    ['numbers', [1, null, []]],
  ])('drops %s', (_, given) => {
    expect(parseSigns(given)).toEqual([])
  })

  test('cuts a list beyond the bound', () => {
    expect(parseSigns(Array(1_000).fill(sign))).toHaveLength(20)
  })

  test('drops only the invalid parts', () => {
    const odd = { ...sign, vendor: '<b>', sitekey: 'a b', visible: 'yes' }
    expect(parseSigns([odd])).toEqual([{ kind: 'frame', what: 'captcha.example', visible: false }])
  })

  test('still reads the known widgets', () => {
    const said = JSON.stringify({
      doc: 'dabc',
      secret: '0'.repeat(64),
      origin: '',
      widgets: [],
      unknown: 'x'.repeat(1_000),
    })
    expect(parseFound(said)).toMatchObject({ widgets: [], signs: [] })
  })

  test('has no vendor with a family of its own', () => {
    expect(UNKNOWN_VENDORS.map(({ vendor }) => vendor).filter((name) => Object.hasOwn(WIDGETS, name))).toEqual([])
  })
})
