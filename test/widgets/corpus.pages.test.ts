import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { sharedBrowser } from '../support/browser.js'
import { type CorpusPage, corpusPages, parsePage } from './corpus/format.js'
import { corpusGrant, handsOf, routeCorpus, solveWith } from './corpus/ours.js'
import { difference, runPage } from './corpus/run.js'
import { type CorpusSite, startCorpusSite } from './corpus/site.js'
import { startVendors, type Vendors } from './corpus/vendors.js'

const pages = corpusPages()

let vendors: Vendors
let site: CorpusSite
interface Guarded {
  readonly context: BrowserContext
  readonly captcha: Captcha<Page>
  /** Tabs that no test has at the moment: a new one costs more than a page. */
  readonly idle: Page[]
}

/** One context for each setting of the policy, with the guard and the vendors. */
const contexts = new Map<string, Promise<Guarded>>()

beforeAll(async () => {
  vendors = await startVendors()
  site = await startCorpusSite(pages, vendors)
})
afterAll(async () => {
  for (const opening of contexts.values()) await (await opening).context.close()
  await site?.close()
  await vendors?.close()
})

function guarded({ recaptchaV3 }: CorpusPage): Promise<Guarded> {
  const key = String(recaptchaV3)
  const opening = contexts.get(key) ?? open(recaptchaV3 === undefined ? {} : { recaptchaV3 })
  contexts.set(key, opening)
  return opening
}

async function open(policy: Omit<PolicyInput, 'origins'>): Promise<Guarded> {
  const context = await (await sharedBrowser()).newContext()
  await routeCorpus(context, vendors, pages)
  return { context, captcha: await guardContext(corpusGrant(vendors, policy), context), idle: [] }
}

describe('pages as people have them are found right, and done right:', () => {
  test.concurrent.each(pages.map((page) => [page.name, page] as const))('%s', async (_, page) => {
    const { context, captcha, idle } = await guarded(page)
    const tab = idle.pop() ?? (await context.newPage())
    const errors: string[] = []
    const threw = (error: Error) => void errors.push(String(error))
    tab.on('pageerror', threw)
    const hands = handsOf(tab)
    try {
      vendors.prepare(page)
      await runPage(page, hands, site, solveWith(captcha, tab))
      if (!page.throws && errors.length > 0) throw new Error(`The page threw ${errors.join('; ')}`)
    } catch (error) {
      throw new Error(`${page.name}: ${page.title}\n${(error as Error).message}\nPage errors: ${errors.join('; ')}`)
    } finally {
      hands.release()
      tab.off('pageerror', threw)
      idle.push(tab)
    }
  })
})

describe('the corpus', () => {
  test('names a page and a place for each thing that is wrong in a file', () => {
    const head = (facts: object) => `<!-- corpus ${JSON.stringify(facts)} -->\n<p>`
    const fits = { title: 'A page', after: 'somewhere', widgets: [] }
    const text = `${head(fits)}\n<!-- part /inner.html -->\n<i>`
    expect(parsePage('two', text).parts).toEqual({ '/': '<p>\n', '/inner.html': '<i>' })
    expect(() => parsePage('none', '<p>')).toThrow('none.html does not begin')
    expect(() => parsePage('broken', '<!-- corpus { -->\n')).toThrow('broken.html: its first comment is not JSON')
    expect(() => parsePage('more', head({ ...fits, widget: [] }))).toThrow('more.html')
    const odd = [{ family: 'turnstile', variant: 'v3', sitekey: 'x', due: true }]
    expect(() => parsePage('odd', head({ ...fits, widgets: odd }))).toThrow('no variant of this family')
  })

  test('says what was expected and what was found, in any order', () => {
    const one = { family: 'turnstile', variant: 'turnstile', sitekey: 'x', due: true } as const
    const other = { ...one, sitekey: 'y' }
    expect(difference([one, other], [other, { ...one, action: 'login' }])).toBeUndefined()
    expect(difference([{ ...one, action: null }], [{ ...one, action: 'login' }])).toContain('"action":"login"')
    expect(difference([one], [one, one])).toMatch(/^\+ found/)
    expect(difference([one, one], [one])).toMatch(/^- expected/)
  })
})
