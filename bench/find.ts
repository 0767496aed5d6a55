import { startSite } from '../src/testing/site/index.js'
import { startArkose } from '../src/testing/vendors/arkose/index.js'
import { startAwsWaf } from '../src/testing/vendors/aws-waf/index.js'
import { startFriendly } from '../src/testing/vendors/friendly/index.js'
import { startGeetest } from '../src/testing/vendors/geetest/index.js'
import { startHcaptcha } from '../src/testing/vendors/hcaptcha/index.js'
import { startMtcaptcha } from '../src/testing/vendors/mtcaptcha/index.js'
import { startRecaptcha } from '../src/testing/vendors/recaptcha/index.js'
import { answerAsVendor, routeVendors } from '../src/testing/vendors/route.js'
import { startTurnstile } from '../src/testing/vendors/turnstile/index.js'
import { median } from './median.js'
import { guardedPage, inTurn, openBrowsers, time, until, VENDOR } from './pages.js'
import type { BenchRow } from './row.js'

const WARM_UP = 20
const ROUNDS = 200
const FEWER = 60
/** For how long each pair is measured at most, so that all of them take less than a minute, ms. */
const MAX_MS = 3_000

const PEER = 'findRecaptchas of puppeteer-extra-plugin-recaptcha'

/**
 * `captcha.find` on a page where it has been called before: against the peer plugin for the families that it knows, for
 * each family, and on pages of growing size.
 */
export async function findBench(): Promise<BenchRow[]> {
  return [...(await againstPeer()), ...(await hcaptchaAgainstPeer()), ...(await eachFamily()), ...(await growing())]
}

/** A page with one reCAPTCHA, in the same browser binary. Measured in turn; medians. */
async function againstPeer(): Promise<BenchRow[]> {
  await using recaptcha = await startRecaptcha({ url: `http://${VENDOR}` })
  await using site = await startSite({ recaptcha })
  const { port } = new URL(recaptcha.verifyUrl)
  await using browsers = await openBrowsers([`--host-resolver-rules=MAP ${VENDOR} 127.0.0.1:${port}`])
  const { page, captcha } = await guardedPage(browsers.ours, recaptcha)
  await page.goto(`${site.url}/login`)
  const plugged = await browsers.newPluggedPage()
  await plugged.goto(`${site.url}/login`)
  const rendered = 'document.querySelector("iframe[name^=a-]")'
  await Promise.all([page.waitForFunction(rendered), plugged.waitForFunction(rendered)])
  return [
    await pair(
      'captcha.find, a page with one widget, a later one: p50',
      async () => (await captcha.find(page)).length,
      async () => (await plugged.findRecaptchas()).captchas.length,
    ),
  ]
}

/** The same with an hCaptcha. Its stand-in answers at the vendor's own address in both browsers. */
async function hcaptchaAgainstPeer(): Promise<BenchRow[]> {
  await using hcaptcha = await startHcaptcha()
  const widget = '<div class="h-captcha" data-sitekey="{{sitekey}}"></div>'
  const html = `<!doctype html>${widget}<script src="https://js.hcaptcha.com/1/api.js" async defer></script>`
  await using site = await startSite({ hcaptcha, pages: { '/hcaptcha/own': html } })
  await using browsers = await openBrowsers()
  const { page, captcha, context } = await guardedPage(browsers.ours, hcaptcha)
  await routeVendors(context, hcaptcha)
  await page.goto(`${site.url}/hcaptcha/own`)
  const plugged = await browsers.newPluggedPage()
  await plugged.setRequestInterception(true)
  plugged.on('request', async (request) => {
    const copy = { url: request.url(), method: request.method(), headers: request.headers(), body: request.postData() }
    const reply = await answerAsVendor(copy, hcaptcha)
    await (reply ? request.respond({ ...reply, headers: { ...reply.headers } }) : request.continue())
  })
  await plugged.goto(`${site.url}/hcaptcha/own`)
  const rendered = 'document.querySelector("iframe[data-hcaptcha-widget-id]")'
  await Promise.all([page.waitForFunction(rendered), plugged.waitForFunction(rendered)])
  return [
    await pair(
      'captcha.find, an hCaptcha, a later one: p50',
      async () => (await captcha.find(page)).length,
      async () => (await plugged.findRecaptchas()).captchas.length,
    ),
  ]
}

async function pair(name: string, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<BenchRow> {
  const [took = [], tookTheirs = []] = await inTurn(
    [() => time(async () => check(await ours())), () => time(async () => check(Math.min(await theirs(), 1)))],
    ROUNDS,
    WARM_UP,
    MAX_MS,
  )
  const [value, baseline] = [median(took), median(tookTheirs)]
  const ratio = value / baseline
  return { name, value, unit: 'ms', against: PEER, baseline, ratio, target: '≤ 1/4', ok: ratio <= 1 / 4 }
}

/**
 * Throws unless the tool has found the widget, so that only what works is measured. (The plugin counts an hCaptcha's
 * two frames as two.)
 */
function check(found: number, expected = 1): void {
  if (found !== expected) throw new Error(`Expected ${expected} widgets, found ${found}.`)
}

const FAMILIES = [
  ['Turnstile', startTurnstile, '/turnstile', 'turnstile'],
  ['GeeTest', startGeetest, '/geetest', 'geetest'],
  ['Friendly Captcha v1', startFriendly, '/friendly/v1', 'friendly'],
  ['Friendly Captcha v2', startFriendly, '/friendly', 'friendly'],
  ['MTCaptcha', startMtcaptcha, '/mtcaptcha', 'mtcaptcha'],
  ['Amazon WAF', startAwsWaf, '/aws-waf', 'aws-waf'],
  ['Arkose', startArkose, '/arkose', 'arkose'],
] as const

/** Each family that the peer does not know, in turn with a reCAPTCHA. */
async function eachFamily(): Promise<BenchRow[]> {
  await using browsers = await openBrowsers()
  await using recaptcha = await startRecaptcha()
  await using recaptchaSite = await startSite({ recaptcha })
  const known = await guardedPage(browsers.ours, recaptcha)
  await known.page.goto(`${recaptchaSite.url}/login`)
  await until(async () => (await known.captcha.find(known.page))[0]?.due === true, 'the reCAPTCHA is due')
  const rows: BenchRow[] = []
  for (const [name, start, path, family] of FAMILIES) {
    await using vendor = await start()
    await using site = await startSite({ [family]: vendor })
    const { page, captcha, context } = await guardedPage(browsers.ours, vendor)
    await page.goto(`${site.url}${path}`)
    await until(async () => (await captcha.find(page)).length === 1, `${name} is found`)
    const [took = [], tookKnown = []] = await inTurn(
      [
        () => time(async () => check((await captcha.find(page)).length)),
        () => time(async () => check((await known.captcha.find(known.page)).length)),
      ],
      FEWER,
      10,
      MAX_MS,
    )
    const [value, baseline] = [median(took), median(tookKnown)]
    const against = 'the same with a reCAPTCHA'
    rows.push({ name: `captcha.find, ${name}: p50`, value, unit: 'ms', against, baseline, ratio: value / baseline })
    await context.close()
  }
  return rows
}

const SIZES = [0, 1, 10, 100]
/** `find` lists at most this many widgets of a page, and counts the rest. */
const MAX_WIDGETS = 50

/**
 * Pages with more and more widgets: ten times as many take at most ten times as long. Pages with more and more empty
 * frames: against one empty call into each frame, which is the browser tool's own time.
 */
async function growing(): Promise<BenchRow[]> {
  await using browsers = await openBrowsers()
  await using recaptcha = await startRecaptcha()
  const widget = '<div class="g-recaptcha" data-sitekey="{{sitekey}}"></div>'
  const pages = Object.fromEntries(
    SIZES.flatMap((size) => [
      [`/widgets-${size}`, `<!doctype html>${widget.repeat(size)}`],
      [`/frames-${size}`, `<!doctype html>${widget}${'<iframe srcdoc="<p>A frame"></iframe>'.repeat(size)}`],
    ]),
  )
  await using site = await startSite({ recaptcha, pages })
  const open = async (path: string) => {
    const guarded = await guardedPage(browsers.ours, recaptcha)
    await guarded.page.goto(site.url + path)
    return guarded
  }

  const rows: BenchRow[] = []
  const onWidgets = await Promise.all(SIZES.map(async (size) => ({ ...(await open(`/widgets-${size}`)), size })))
  const took = await inTurn(
    onWidgets.map(({ captcha, page, size }) => {
      return () => time(async () => check((await captcha.find(page)).length, Math.min(size, MAX_WIDGETS)))
    }),
    FEWER,
    10,
    MAX_MS,
  )
  const medians = took.map(median)
  for (const [index, size] of SIZES.entries()) {
    const [value = Number.NaN, baseline = Number.NaN] = [medians[index], medians[index - 1]]
    const ratio = value / baseline
    const name = `captcha.find, a page with ${size} widgets: p50`
    const growth = { against: `with ${size / 10}`, baseline, ratio, target: '≤ 10', ok: ratio <= 10 }
    rows.push({ name, value, unit: 'ms', ...(size >= 10 && growth) })
  }
  for (const { context } of onWidgets) await context.close()

  for (const size of SIZES) {
    const { captcha, page, context } = await open(`/frames-${size}`)
    const [ours = [], bare = []] = await inTurn(
      [
        () => time(async () => check((await captcha.find(page)).length)),
        () => time(() => Promise.all(page.frames().map((frame) => frame.evaluate('"x"')))),
      ],
      FEWER,
      10,
      MAX_MS,
    )
    const [value, baseline] = [median(ours), median(bare)]
    const ratio = value / baseline
    rows.push({
      name: `captcha.find, a page with ${size} frames: p50`,
      value,
      unit: 'ms',
      against: 'an empty call into each frame',
      baseline,
      ratio,
      target: '≤ 2',
      ok: ratio <= 2,
    })
    await context.close()
  }
  return rows
}
