import type { Captcha } from '../src/adapters/engine/captcha.js'
import { guardContext } from '../src/adapters/puppeteer/index.js'
import { startSite } from '../src/testing/site/index.js'
import { startRecaptcha } from '../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../test/adapters/fake-grant.js'
import { median } from './median.js'
import { guardedPage, inTurn, openBrowsers, type Plugged, VENDOR } from './pages.js'
import type { BenchRow } from './row.js'

const WARM_UP = 5
const ROUNDS = 60
const MAX_MS = 60_000

/** Records in the page when its callback was called, by the clock that page and process share. */
const WATCH =
  'calls.push = function (token) { window.calledAt = performance.timeOrigin + performance.now(); ' +
  'return Array.prototype.push.call(calls, token) }; 0'
const CALLED_AT = 'window.calledAt'
const now = () => performance.timeOrigin + performance.now()

/** A page of either browser tool. */
interface AnyPage {
  goto(url: string): Promise<unknown>
  waitForFunction(text: string): Promise<unknown>
  evaluate(text: string): Promise<unknown>
}

/**
 * The time from having a token to the page's own callback, against `enterRecaptchaSolutions` of the peer plugin on the
 * same page in the same browser binary, with the same tool. Measured in turn, each time on a newly loaded page.
 */
export async function injectBench(): Promise<BenchRow[]> {
  await using recaptcha = await startRecaptcha({ url: `http://${VENDOR}` })
  await using site = await startSite({ recaptcha })
  const { port } = new URL(recaptcha.verifyUrl)
  await using browsers = await openBrowsers([`--host-resolver-rules=MAP ${VENDOR} 127.0.0.1:${port}`])
  const inPlaywright = await guardedPage(browsers.ours, recaptcha)
  const grant = fakeGrant(recaptcha)
  const context = await browsers.newPluggedContext()
  const inPuppeteer = { grant, captcha: await guardContext(grant, context), page: await context.newPage() }
  const plugged = await browsers.newPluggedPage()
  const pluggedInPlaywright = await browsers.newPluggedPlaywrightPage()
  const rendered = 'document.querySelector("iframe[name^=a-]")'
  const url = `${site.url}/named`

  const load = async (page: AnyPage) => {
    await page.goto(url)
    await page.waitForFunction(rendered)
    await page.evaluate(WATCH)
  }
  const ours = async <P extends AnyPage>(page: P, captcha: Captcha<P>, { grant }: { grant: FakeGrant }) => {
    await load(page)
    let hadTokenAt = 0
    grant.answer = async () => {
      hadTokenAt = now()
      return 'a-token'
    }
    const { solved } = await captcha.solve(page, { which: 'all' })
    if (solved.length !== 1) throw new Error('solveguard did not solve it.')
    return Number(await page.evaluate(CALLED_AT)) - hadTokenAt
  }
  const theirs = async (page: AnyPage & Plugged): Promise<number> => {
    await load(page)
    const { captchas } = await page.findRecaptchas()
    const hadTokenAt = now()
    const { solved } = await page.enterRecaptchaSolutions([{ ...captchas[0], _vendor: 'recaptcha', text: 'a-token' }])
    if (solved.length !== 1) throw new Error('The plugin did not solve it.')
    return Number(await page.evaluate(CALLED_AT)) - hadTokenAt
  }
  const [playwright = [], puppeteer = [], peer = [], peerInPlaywright = []] = await inTurn(
    [
      () => ours(inPlaywright.page, inPlaywright.captcha, inPlaywright),
      () => ours(inPuppeteer.page, inPuppeteer.captcha, inPuppeteer),
      () => theirs(plugged),
      () => theirs(pluggedInPlaywright),
    ],
    ROUNDS,
    WARM_UP,
    MAX_MS,
  )
  return [
    rowOf('Playwright', median(playwright), median(peerInPlaywright), 'the plugin with playwright-extra'),
    rowOf('Puppeteer', median(puppeteer), median(peer), 'the plugin with puppeteer-extra'),
    rowOf('Playwright', median(playwright), median(peer), 'the plugin with puppeteer-extra'),
  ]
}

function rowOf(tool: string, value: number, baseline: number, peer: string): BenchRow {
  const ratio = value / baseline
  const name = `from the token to the page's callback, ${tool}: p50`
  const against = `enterRecaptchaSolutions of ${peer}`
  return { name, value, unit: 'ms', against, baseline, ratio, target: '≤ 1', ok: ratio <= 1 }
}
