import { createRequire } from 'node:module'
import { chromium } from 'playwright'
import puppeteer from 'puppeteer-core'
import { addExtra } from 'puppeteer-extra'
import { CHROMIUM_FLAGS, findBrowser } from '../scripts/find-browser.mjs'
import { guardContext } from '../src/adapters/playwright.js'
import { startRecaptcha } from '../src/testing/recaptcha.js'
import { startSite } from '../src/testing/site.js'
import { fakeGrant } from '../test/adapters/fake-grant.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

// Without its types: they give puppeteer's pages methods of the same names as ours.
const require = createRequire(import.meta.url)
const RecaptchaPlugin: unknown = require('puppeteer-extra-plugin-recaptcha')

const WARM_UP = 20
const ROUNDS = 200

/** The plugin only knows the vendor's own hosts: one of them is made to mean the stand-in. */
const VENDOR = 'www.recaptcha.net'

interface Plugged {
  findRecaptchas(): Promise<{ captchas: unknown[] }>
}

/**
 * `captcha.find` on a page with one widget, against `findRecaptchas` of puppeteer-extra-plugin-recaptcha on the same page
 * in the same browser binary; in turn, medians.
 */
export async function findBench(): Promise<BenchRow[]> {
  const browserAtHand = await findBrowser()
  if (!browserAtHand) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  await using recaptcha = await startRecaptcha({ url: `http://${VENDOR}` })
  await using site = await startSite({ recaptcha })
  const executablePath = browserAtHand.path
  const { port } = new URL(recaptcha.verifyUrl)
  const args = [...CHROMIUM_FLAGS, `--host-resolver-rules=MAP ${VENDOR} 127.0.0.1:${port}`]

  const ours = await chromium.launch({ executablePath, args })
  const extra = addExtra(puppeteer as unknown as Parameters<typeof addExtra>[0])
  // Its types say otherwise than what it exports.
  const plugin = RecaptchaPlugin as () => Parameters<typeof extra.use>[0]
  extra.use(plugin())
  const theirs = await extra.launch({ executablePath, args })
  try {
    const context = await ours.newContext()
    const captcha = await guardContext(fakeGrant(recaptcha), context)
    const page = await context.newPage()
    await page.goto(`${site.url}/login`)
    const pluggedPage = await theirs.newPage()
    await pluggedPage.goto(`${site.url}/login`)
    const plugged = pluggedPage as unknown as Plugged
    const rendered = 'document.querySelector("iframe[name^=a-]")'
    await Promise.all([page.waitForFunction(rendered), pluggedPage.waitForFunction(rendered)])

    const find = async () => check((await captcha.find(page)).length)
    const findTheirs = async () => check((await plugged.findRecaptchas()).captchas.length)
    const took: number[] = []
    const tookTheirs: number[] = []
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      const [a, b] =
        round % 2 ? [await time(find), await time(findTheirs)] : swap(await time(findTheirs), await time(find))
      if (round < WARM_UP) continue
      took.push(a)
      tookTheirs.push(b)
    }
    const [value, baseline] = [median(took), median(tookTheirs)]
    return [
      {
        name: 'captcha.find, a page with one widget: p50',
        value,
        unit: 'ms',
        against: 'findRecaptchas of puppeteer-extra-plugin-recaptcha',
        baseline,
        ratio: value / baseline,
        target: '≤ 1/3',
        ok: value / baseline <= 1 / 3,
      },
    ]
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
}

/** Either tool has to have found it: nothing is measured that does not work. */
function check(found: number): void {
  if (found !== 1) throw new Error(`Expected one widget, found ${found}.`)
}

async function time(action: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

function swap(theirs: number, ours: number): [number, number] {
  return [ours, theirs]
}
