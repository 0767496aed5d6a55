import { gzipSync } from 'node:zlib'
import { chromium, type Page } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../scripts/find-browser.mjs'
import { guardContext } from '../src/adapters/playwright/index.js'
import { startSite } from '../src/testing/site/index.js'
import { startRecaptcha } from '../src/testing/vendors/recaptcha/index.js'
import { observerScript } from '../src/widgets/page/script.js'
import { fakeGrant } from '../test/adapters/fake-grant.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const WARM_UP = 20
const PAIRS = 200

/**
 * How much longer a page without a widget takes to load in a guarded context: pairs of loads in both orders, and the
 * median of the pairs' ratios. All loads are in one page of one context, which is guarded for one load and not for the
 * other: of two contexts, one can be a few percent slower for all its life. In the last row no load is guarded, so it
 * shows how much is noise.
 */
export async function pageLoadBench(): Promise<BenchRow[]> {
  const found = await findBrowser()
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  await using recaptcha = await startRecaptcha()
  await using site = await startSite({ recaptcha })
  const browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
  try {
    const context = await browser.newContext()
    const page = await context.newPage()
    const guard = () => guardContext(fakeGrant(recaptcha), context)
    const against = 'the same page, not guarded; the ratio is the median of pairs'
    const rows: BenchRow[] = []
    for (const kind of ['tiny', 'ordinary']) {
      const measured = await compare(page, `${site.url}/${kind}`, guard, true)
      const name = `load of ${kind === 'tiny' ? 'a tiny' : 'an ordinary'} page without a widget: p50`
      rows.push({ name, unit: 'ms', ...measured, against, target: '≤ 1.03', ok: measured.ratio <= 1.03 })
    }
    const noise = await compare(page, `${site.url}/tiny`, guard, false)
    const kib = gzipSync(observerScript).length / 1_024
    rows.push({ name: 'the init script, compressed', value: kib, unit: 'KiB', target: '≤ 5', ok: kib <= 5 })
    rows.push({ name: 'noise: the tiny page, never guarded: p50', unit: 'ms', ...noise, against })
    return rows
  } finally {
    await browser.close()
  }
}

async function compare(
  page: Page,
  url: string,
  guard: () => Promise<{ close(): Promise<void> }>,
  guarded: boolean,
): Promise<{ value: number; baseline: number; ratio: number }> {
  const took: number[] = []
  const tookPlain: number[] = []
  const ratios: number[] = []
  /** Guards the context and removes the guard, around the load or before it: the same calls for both. */
  const load = async (around: boolean): Promise<number> => {
    const captcha = await guard()
    if (!around) await captcha.close()
    const start = performance.now()
    await page.goto(url)
    const time = performance.now() - start
    if (around) await captcha.close()
    return time
  }
  for (let pair = 0; pair < WARM_UP + PAIRS; pair++) {
    let time = 0
    let plain = 0
    if (pair % 2) time = await load(guarded)
    plain = await load(false)
    if (pair % 2 === 0) time = await load(guarded)
    if (pair < WARM_UP) continue
    took.push(time)
    tookPlain.push(plain)
    ratios.push(time / plain)
  }
  return { value: median(took), baseline: median(tookPlain), ratio: median(ratios) }
}
