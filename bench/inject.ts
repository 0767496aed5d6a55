import { startSite } from '../src/testing/site/index.js'
import { startRecaptcha } from '../src/testing/vendors/recaptcha/index.js'
import { median } from './median.js'
import { guardedPage, inTurn, openBrowsers } from './pages.js'
import type { BenchRow } from './row.js'

const VENDOR = 'www.recaptcha.net'
const WARM_UP = 5
const ROUNDS = 60

/** Records in the page when its callback was called, by the clock that page and process share. */
const WATCH =
  'calls.push = function (token) { window.calledAt = performance.timeOrigin + performance.now(); ' +
  'return Array.prototype.push.call(calls, token) }; 0'
const CALLED_AT = 'window.calledAt'
const now = () => performance.timeOrigin + performance.now()

/**
 * The time from having a token to the page's own callback, against `enterRecaptchaSolutions` of the peer plugin on the
 * same page in the same browser binary. Measured in turn, each time on a newly loaded page.
 */
export async function injectBench(): Promise<BenchRow[]> {
  await using recaptcha = await startRecaptcha({ url: `http://${VENDOR}` })
  await using site = await startSite({ recaptcha })
  const { port } = new URL(recaptcha.verifyUrl)
  await using browsers = await openBrowsers([`--host-resolver-rules=MAP ${VENDOR} 127.0.0.1:${port}`])
  const { page, captcha, grant } = await guardedPage(browsers.ours, recaptcha)
  const plugged = await browsers.newPluggedPage()
  const rendered = 'document.querySelector("iframe[name^=a-]")'
  const url = `${site.url}/named`

  const ours = async (): Promise<number> => {
    await page.goto(url)
    await page.waitForFunction(rendered)
    await page.evaluate(WATCH)
    let hadTokenAt = 0
    grant.answer = async () => {
      hadTokenAt = now()
      return 'a-token'
    }
    const { solved } = await captcha.solve(page, { which: 'all' })
    if (solved.length !== 1) throw new Error('solveguard did not solve it.')
    return Number(await page.evaluate(CALLED_AT)) - hadTokenAt
  }
  const theirs = async (): Promise<number> => {
    await plugged.goto(url)
    await plugged.waitForFunction(rendered)
    await plugged.evaluate(WATCH)
    const { captchas } = await plugged.findRecaptchas()
    const hadTokenAt = now()
    const { solved } = await plugged.enterRecaptchaSolutions([
      { ...captchas[0], _vendor: 'recaptcha', text: 'a-token' },
    ])
    if (solved.length !== 1) throw new Error('The plugin did not solve it.')
    return Number(await plugged.evaluate(CALLED_AT)) - hadTokenAt
  }
  const [took = [], tookTheirs = []] = await inTurn([ours, theirs], ROUNDS, WARM_UP)
  const [value, baseline] = [median(took), median(tookTheirs)]
  const against = 'enterRecaptchaSolutions of puppeteer-extra-plugin-recaptcha'
  return [
    {
      name: "from the token to the page's callback: p50",
      value,
      unit: 'ms',
      against,
      baseline,
      ratio: value / baseline,
    },
  ]
}
