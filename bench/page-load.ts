import { chromium, type Page } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../scripts/find-browser.mjs'
import { guardContext } from '../src/adapters/playwright.js'
import { startRecaptcha } from '../src/testing/recaptcha.js'
import { startSite } from '../src/testing/site.js'
import { fakeGrant } from '../test/adapters/fake-grant.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const WARM_UP = 20
const PAIRS = 150

/**
 * How much longer a page without a widget takes to load in a guarded context than in a plain one: pairs of loads in one browser,
 * each in both orders, the median of the pairs' ratios.
 */
export async function pageLoadBench(): Promise<BenchRow[]> {
  const found = await findBrowser()
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  await using recaptcha = await startRecaptcha()
  await using site = await startSite({ recaptcha })
  const browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
  try {
    const rows: BenchRow[] = []
    for (const kind of ['tiny', 'ordinary']) {
      const guarded = await browser.newContext()
      await guardContext(fakeGrant(recaptcha), guarded)
      const plain = await browser.newContext()
      const pages = [await guarded.newPage(), await plain.newPage()] as const
      rows.push(await compare(kind, pages, `${site.url}/${kind}`))
      await Promise.all([guarded.close(), plain.close()])
    }
    return rows
  } finally {
    await browser.close()
  }
}

async function compare(kind: string, [guarded, plain]: readonly [Page, Page], url: string): Promise<BenchRow> {
  const took: number[] = []
  const tookPlain: number[] = []
  const ratios: number[] = []
  for (let pair = 0; pair < WARM_UP + PAIRS; pair++) {
    const [first, second] = pair % 2 ? [guarded, plain] : [plain, guarded]
    let [a, b] = [await load(first, url), await load(second, url)]
    if (first === plain) [a, b] = [b, a]
    if (pair < WARM_UP) continue
    took.push(a)
    tookPlain.push(b)
    ratios.push(a / b)
  }
  const ratio = median(ratios)
  return {
    name: `load of ${kind === 'tiny' ? 'a tiny' : 'an ordinary'} page without a widget: p50`,
    value: median(took),
    unit: 'ms',
    against: 'the same in a context that is not guarded; the ratio is the median of pairs',
    baseline: median(tookPlain),
    ratio,
    target: '≤ 1.03',
    ok: ratio <= 1.03,
  }
}

/** From the call until the load event is over, as a user of the tool sees it. */
async function load(page: Page, url: string): Promise<number> {
  const start = performance.now()
  await page.goto(url)
  return performance.now() - start
}
