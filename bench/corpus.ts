import type { HTTPRequest } from 'puppeteer-core'
import { guardContext } from '../src/adapters/playwright/index.js'
import { type CorpusPage, corpusPages, type ExpectedWidget } from '../test/widgets/corpus/format.js'
import { corpusGrant, handsOf, isOwn, routeCorpus, solveWith } from '../test/widgets/corpus/ours.js'
import { becomes, type Hands, runPage, type Solve } from '../test/widgets/corpus/run.js'
import { type CorpusSite, startCorpusSite } from '../test/widgets/corpus/site.js'
import { startVendors, type Vendors } from '../test/widgets/corpus/vendors.js'
import { type Browsers, openBrowsers, type PluggedPage } from './pages.js'
import type { BenchRow } from './row.js'

/** What came of a page. `found`: what it says of the page's widgets is true. `done`: the site has what it waits for. */
interface Outcome {
  readonly found: boolean
  readonly done: boolean
  readonly error?: string
}

/** The families that the peer knows. */
const PEER_KNOWS = new Set(['recaptcha', 'hcaptcha'])
const PEER = 'puppeteer-extra-plugin-recaptcha'

/**
 * The pages of `fixtures/pages/real`, by solveguard and by the peer plugin, in the same browser binary: how many of
 * them are found right, and how many are done right. `CORPUS_VERBOSE=1` lists what went wrong in which.
 */
export async function corpusBench(): Promise<BenchRow[]> {
  const pages = corpusPages()
  const vendors = await startVendors()
  const site = await startCorpusSite(pages, vendors)
  await using browsers = await openBrowsers()
  const ours = await byUs(browsers, pages, vendors, site)
  const theirs = await byPeer(browsers, pages, vendors, site)
  await Promise.all([site.close(), vendors.close()])
  if (process.env.CORPUS_VERBOSE) report(pages, ours, theirs)

  const known = (page: CorpusPage) => page.widgets.every(({ family }) => PEER_KNOWS.has(family))
  return [
    ...rowsOf('of all pages', ours, theirs, () => true, pages),
    ...rowsOf('of those of reCAPTCHA, hCaptcha or without a widget', ours, theirs, known, pages),
  ]
}

type Outcomes = ReadonlyMap<string, Outcome>

function rowsOf(
  name: string,
  ours: Outcomes,
  theirs: Outcomes,
  counts: (page: CorpusPage) => boolean,
  pages: readonly CorpusPage[],
): BenchRow[] {
  const counted = pages.filter(counts)
  return (['found', 'done'] as const).map((what) => {
    const right = (outcomes: Outcomes) => counted.filter((page) => outcomes.get(page.name)?.[what]).length
    const [value, baseline] = [right(ours), right(theirs)]
    const ok = value === counted.length
    const target = `all ${counted.length}`
    return { name: `${what} right, ${name}`, value, unit: 'pages', against: PEER, baseline, target, ok }
  })
}

function report(pages: readonly CorpusPage[], ours: Outcomes, theirs: Outcomes): void {
  for (const [who, outcomes] of [['solveguard', ours] as const, ['peer', theirs] as const]) {
    for (const { name } of pages) {
      const { found, done, error } = outcomes.get(name) ?? { found: false, done: false }
      if (!found || !done) console.error(`${who}: ${name}: ${found ? 'found' : 'NOT FOUND'}, ${error}`)
    }
  }
}

/** Several pages at a time: most of the time is spent waiting. */
async function inLanes(
  pages: readonly CorpusPage[],
  lanes: number,
  run: (page: CorpusPage) => Promise<void>,
): Promise<void> {
  const left = [...pages]
  const lane = async () => {
    for (let page = left.shift(); page; page = left.shift()) await run(page)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function outcomeOf(run: (whenFound: () => void) => Promise<void>): Promise<Outcome> {
  let found = false
  try {
    await run(() => {
      found = true
    })
    return { found: true, done: true }
  } catch (error) {
    return { found, done: false, error: (error as Error).message }
  }
}

async function byUs(
  { ours }: Browsers,
  pages: readonly CorpusPage[],
  vendors: Vendors,
  site: CorpusSite,
): Promise<Outcomes> {
  const outcomes = new Map<string, Outcome>()
  for (const recaptchaV3 of new Set(pages.map((page) => page.recaptchaV3))) {
    const context = await ours.newContext()
    await routeCorpus(context, vendors, pages)
    const captcha = await guardContext(corpusGrant(vendors, { recaptchaV3 }), context)
    const tested = pages.filter((one) => one.recaptchaV3 === recaptchaV3)
    await inLanes(tested, 4, async (page) => {
      const tab = await context.newPage()
      vendors.prepare(page)
      const run = (found: () => void) => runPage(page, handsOf(tab), site, solveWith(captcha, tab, found))
      outcomes.set(page.name, await outcomeOf(run))
      await tab.close()
    })
    await context.close()
  }
  return outcomes
}

async function byPeer(
  browsers: Browsers,
  pages: readonly CorpusPage[],
  vendors: Vendors,
  site: CorpusSite,
): Promise<Outcomes> {
  const outcomes = new Map<string, Outcome>()
  // Puppeteer waits by animation frames, which only the tab in front has.
  await inLanes(pages, 1, async (page) => {
    const tab = await browsers.newPluggedPage()
    vendors.prepare(page)
    await tab.setRequestInterception(true)
    tab.on('request', (request) => void answer(request, page, vendors).catch(() => {}))
    tab.on('dialog', (dialog) => void dialog.dismiss().catch(() => {}))
    const run = (found: () => void) => {
      const solve: Solve = (expected) => solveByPeer(tab, page, expected, vendors, found)
      return runPage(page, peerHands(tab), site, solve)
    }
    outcomes.set(page.name, await outcomeOf(run))
    await tab.close()
  })
  return outcomes
}

async function answer(request: HTTPRequest, { blocked }: CorpusPage, vendors: Vendors): Promise<void> {
  const url = request.url()
  if (!/^https?:/.test(url) || isOwn(new URL(url))) return request.continue()
  const copy = { url, method: request.method(), headers: request.headers(), body: request.postData() }
  const reply = blocked.some((part) => url.includes(part)) ? undefined : await vendors.answer(copy)
  await (reply ? request.respond({ ...reply, headers: { ...reply.headers } }) : request.abort())
}

/** What a person does, by Puppeteer. */
function peerHands(page: PluggedPage): Hands {
  page.setDefaultTimeout(PEER_PATIENCE_MS)
  const at = async (selector: string, frame?: string) => {
    if (frame === undefined) return page.locator(selector)
    const element = await page.waitForSelector(frame)
    const inner = await element?.contentFrame()
    if (!inner) throw new Error(`No frame: ${frame}`)
    return inner.locator(selector)
  }
  return {
    patienceMs: PEER_PATIENCE_MS,
    goto: async (url) => void (await page.goto(url)),
    click: async (selector, frame) => (await at(selector, frame)).click(),
    fill: async (selector, text, frame) => (await at(selector, frame)).fill(text),
    choose: async (selector, value, frame) => (await at(selector, frame)).fill(value),
    see: async (selector, frame) => (await at(selector, frame)).wait().then(() => {}),
    async until(expression) {
      if (!(await becomes(async () => !!(await page.evaluate(expression)), PEER_PATIENCE_MS))) {
        throw new Error(`It did not come true: ${expression}`)
      }
    },
    settled: () => page.waitForNetworkIdle({ idleTime: 200, timeout: PEER_PATIENCE_MS }).catch(() => {}),
  }
}

/** Most of what goes wrong for the peer is waited for: not for as long as for us, who are to be all right. */
const PEER_PATIENCE_MS = 5_000

/**
 * Found right: it would solve the sitekeys that are due, and no other. It counts an hCaptcha's two frames as two, which
 * is not held against it.
 */
async function solveByPeer(
  page: PluggedPage,
  { name }: CorpusPage,
  expected: readonly ExpectedWidget[],
  vendors: Vendors,
  whenFound: () => void,
): Promise<void> {
  const due = expected.filter((one) => one.due)
  const keys = new Set(due.map(({ sitekey }) => sitekey))
  const { captchas } = await page.findRecaptchas()
  const wrong = captchas.filter(({ sitekey }) => !keys.has(sitekey.trim())).map(({ sitekey }) => sitekey)
  const missing = [...keys].filter((key) => !captchas.some(({ sitekey }) => sitekey.trim() === key))
  const many = captchas.filter(({ _vendor }) => _vendor === 'recaptcha').length
  const tooMany = many > due.filter(({ family }) => family === 'recaptcha').length
  if (wrong.length > 0 || missing.length > 0 || tooMany) {
    throw new Error(`${name}: found ${captchas.length} for ${due.length}; not found: ${missing}; not there: ${wrong}`)
  }
  whenFound()
  const solutions = captchas.map((captcha) => {
    const { action } = due.find(({ sitekey }) => sitekey === captcha.sitekey.trim()) ?? {}
    const { token } = vendors.issue({
      family: captcha._vendor,
      sitekey: captcha.sitekey.trim(),
      action: action ?? undefined,
    })
    return { ...captcha, text: token, hasSolution: true }
  })
  await page.enterRecaptchaSolutions(solutions)
}
