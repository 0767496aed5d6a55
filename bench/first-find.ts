import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright'
import type { Page as PuppeteerPage } from 'puppeteer-core'
import { guardContext } from '../src/adapters/playwright/index.js'
import { guardContext as guardPuppeteer } from '../src/adapters/puppeteer/index.js'
import { startSite } from '../src/testing/site/index.js'
import { startRecaptcha } from '../src/testing/vendors/recaptcha/index.js'
import { fakeGrant } from '../test/adapters/fake-grant.js'
import { median } from './median.js'
import { inTurn, openBrowsers, type Plugged, time, until, VENDOR } from './pages.js'
import type { BenchRow } from './row.js'

const ROUNDS = 50
const WARM_UP = 3
const MAX_MS = 45_000
/** Of the moments without rest: the figures are printed beside the others, and have no target. */
const AT_ONCE_ROUNDS = 25
const AT_ONCE_MAX_MS = 25_000
/** The page, and the two frames of its widget. */
const FRAMES = 3
/** After the last frame was added, so that none of the page's own work is measured, ms. */
const REST_MS = 100

/** When the page is called: once it rests, when its load event has fired, or when its document has begun. */
type Moment = 'rest' | 'load' | 'commit'

/**
 * The first `captcha.find` on a freshly loaded page, which is what a user has: each round with a new context, a load
 * and one call. In turn with the peer plugin's first call, and with a first `evaluate` of nothing in a page that is not
 * guarded, which is the browser tool's own time. The page is loaded as a user loads it: what is prepared by then was
 * prepared by the guard itself.
 */
export async function firstFindBench(): Promise<BenchRow[]> {
  await using recaptcha = await startRecaptcha({ url: `http://${VENDOR}` })
  await using site = await startSite({ recaptcha })
  const { port } = new URL(recaptcha.verifyUrl)
  await using browsers = await openBrowsers([`--host-resolver-rules=MAP ${VENDOR} 127.0.0.1:${port}`])
  const url = `${site.url}/login`
  const guard = () => fakeGrant(recaptcha)

  const withPlaywright = async (guarded: boolean, moment: Moment = 'rest') => {
    const context = await browsers.ours.newContext()
    const captcha = guarded ? await guardContext(guard(), context) : undefined
    const page = await context.newPage()
    if (moment === 'rest') await open(page, url)
    else await page.goto(url, { waitUntil: moment })
    const took = await time(async () => {
      if (!captcha) return page.evaluate('"x"')
      const { length } = await captcha.find(page)
      // Before the page has rendered it, a widget may not be there yet.
      if (moment === 'rest') found(length)
    })
    await context.close()
    return took
  }
  const withPuppeteer = async (guarded: boolean, measured: (page: Opened, find: () => Promise<unknown>) => unknown) => {
    const context = await browsers.newPluggedContext()
    const captcha = guarded ? await guardPuppeteer(guard(), context) : undefined
    const page = (await context.newPage()) as Opened
    await open(page, url)
    const took = await time(async () => measured(page, async () => found((await captcha?.find(page))?.length)))
    await context.close()
    return took
  }
  const [playwright = [], bare = [], puppeteer = [], bareInPuppeteer = [], peer = []] = await inTurn(
    [
      () => withPlaywright(true),
      () => withPlaywright(false),
      () => withPuppeteer(true, (_, find) => find()),
      () => withPuppeteer(false, (page) => page.evaluate('"x"')),
      () => withPuppeteer(false, async (page) => found((await page.findRecaptchas()).captchas.length)),
    ],
    ROUNDS,
    WARM_UP,
    MAX_MS,
  )
  const [afterLoad = [], bareAfterLoad = [], atCommit = [], bareAtCommit = []] = await inTurn(
    [
      () => withPlaywright(true, 'load'),
      () => withPlaywright(false, 'load'),
      () => withPlaywright(true, 'commit'),
      () => withPlaywright(false, 'commit'),
    ],
    AT_ONCE_ROUNDS,
    WARM_UP,
    AT_ONCE_MAX_MS,
  )
  return [
    ...rowsOf('Playwright', median(playwright), median(bare), median(peer)),
    ...rowsOf('Puppeteer', median(puppeteer), median(bareInPuppeteer), median(peer)),
    atOnceRow('at once after the load event', median(afterLoad), median(bareAfterLoad)),
    atOnceRow("at once after `waitUntil: 'commit'`", median(atCommit), median(bareAtCommit)),
  ]
}

type Opened = PuppeteerPage & Plugged

function rowsOf(tool: string, value: number, bare: number, peer: number): BenchRow[] {
  const row = { name: `captcha.find, the first on a fresh page, ${tool}: p50`, value, unit: 'ms' }
  const [ofPeer, ofBare] = [value / peer, value / bare]
  const against = 'the first findRecaptchas of the plugin'
  return [
    { ...row, against, baseline: peer, ratio: ofPeer, target: '≤ 1/2', ok: ofPeer <= 1 / 2 },
    { ...row, against: 'a first evaluate', baseline: bare, ratio: ofBare, target: '≤ 2', ok: ofBare <= 2 },
  ]
}

function atOnceRow(moment: string, value: number, baseline: number): BenchRow {
  const against = 'a first evaluate at that moment'
  const name = `captcha.find, ${moment}, Playwright: p50`
  return { name, value, unit: 'ms', against, baseline, ratio: value / baseline }
}

/** Loads a page, without a call into it: the first one costs more than others. */
async function open(page: Page | PuppeteerPage, url: string): Promise<void> {
  await page.goto(url)
  await until(() => page.frames().length >= FRAMES, 'the widget has its frames')
  await sleep(REST_MS)
}

function found(count: number | undefined): void {
  if (count !== 1) throw new Error(`Expected one widget, found ${count}.`)
}
