import type { BrowserContext, Page, Request, Response } from 'playwright'
import type { Captcha } from '../../../src/adapters/engine/captcha.js'
import { type Answer, isPicture, withVariant } from '../../../src/base/challenge.js'
import type { Solution } from '../../../src/guard/types.js'
import { usd } from '../../../src/policy/money.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { type FakeGrant, fakeGrant } from '../../adapters/fake-grant.js'
import type { CorpusPage } from './format.js'
import { becomes, difference, type Hands, PATIENCE_MS, type Solve } from './run.js'
import type { Vendors } from './vendors.js'

/** A grant that sells every vendor's own answers, and lets a browser do its proof of work. */
export function corpusGrant(vendors: Vendors, policy: Omit<PolicyInput, 'origins'> = {}): FakeGrant {
  const grant = fakeGrant({ issue: () => '' }, policy)
  grant.answer = async (challenge) => vendors.issue(challenge)
  const buy = grant.solve
  grant.solve = async (challenge, options = {}) => {
    if (!options.runProofOfWork || isPicture(withVariant(challenge))) return buy(challenge, options)
    const answer: Answer = await options.runProofOfWork(options.signal ?? new AbortController().signal)
    return { ...answer, ...FREE, expiresAt: new Date(Date.now() + 120_000) }
  }
  return grant
}

const FREE: Omit<Solution, 'token' | 'expiresAt'> = {
  cost: usd(0),
  imputed: false,
  taskId: '',
  reportGood: async () => {},
  reportBad: async () => {},
}

/** Whether an address is of the corpus' own servers. */
export const isOwn = ({ hostname }: URL) => hostname === 'localhost' || hostname.endsWith('.localhost')

/** Answers what pages load from vendors and public networks. Nothing else of the internet answers. */
export async function routeCorpus(
  context: BrowserContext,
  vendors: Vendors,
  pages: readonly CorpusPage[],
): Promise<void> {
  const isBlocked = (request: Request) => {
    const { blocked = [] } = pages.find(({ name }) => request.frame().page().url().includes(`//${name}.`)) ?? {}
    return blocked.some((part) => request.url().includes(part))
  }
  await context.route(
    (url) => !isOwn(url),
    async (route) => {
      const request = route.request()
      const copy = { url: request.url(), method: request.method(), headers: request.headers() }
      const body = request.postDataBuffer()
      const reply = isBlocked(request) ? undefined : await vendors.answer({ ...copy, body })
      await (reply ? route.fulfill({ ...reply, headers: { ...reply.headers } }) : route.abort())
    },
  )
}

/** What a person does, by Playwright, until it is released: the tab may then be another page's. */
export function handsOf(page: Page): Hands & { release(): void } {
  const pending = new Set<Request>()
  let requests = 0
  const began = (request: Request) => {
    requests++
    pending.add(request)
  }
  const ended = (request: Request) => void pending.delete(request)
  // A body that no code of the page reads never ends.
  const answered = (response: Response) => {
    if (response.request().resourceType() === 'fetch') ended(response.request())
  }
  page.on('request', began).on('requestfinished', ended).on('requestfailed', ended).on('response', answered)
  page.setDefaultTimeout(PATIENCE_MS)
  const at = (selector: string, frame?: string) =>
    frame === undefined ? page.locator(selector) : page.frameLocator(frame).locator(selector)
  return {
    patienceMs: PATIENCE_MS,
    release() {
      page.off('request', began).off('requestfinished', ended).off('requestfailed', ended).off('response', answered)
    },
    goto: async (url) => void (await page.goto(url, { timeout: 60_000 })),
    click: (selector, frame) => at(selector, frame).click(),
    fill: (selector, text, frame) => at(selector, frame).fill(text),
    choose: async (selector, value, frame) => void (await at(selector, frame).selectOption(value)),
    see: (selector, frame) => at(selector, frame).first().waitFor({ state: 'visible' }),
    async until(expression) {
      if (await becomes(async () => page.evaluate(`!!(${expression})`), PATIENCE_MS)) return
      throw new Error(`It did not come true: ${expression}`)
    },
    async settled() {
      const until = performance.now() + PATIENCE_MS
      for (let quiet = 0; quiet < 3 && performance.now() < until; ) {
        const before = requests
        // A task of the page's own, after those of what has arrived.
        const turn = page.evaluate(() => new Promise<void>((resolve) => setTimeout(resolve, 0)))
        await turn.catch(() => {})
        quiet = pending.size === 0 && before === requests ? quiet + 1 : 0
      }
    },
  }
}

/** Solves a page by solveguard, once it shows what is expected. */
export function solveWith(captcha: Captcha<Page>, page: Page, whenFound = () => {}): Solve {
  return async (expected, { unknown }) => {
    const differs = async () => {
      const found = await captcha.find(page)
      const vendors = found.unknown.map(({ vendor = '' }) => vendor).sort()
      const other = [...unknown].sort().join() === vendors.join() ? undefined : `Unknown: ${vendors.join() || 'none'}`
      return difference(expected, [...found]) ?? other
    }
    let wrong: string | undefined
    await becomes(async () => {
      wrong = await differs()
      return wrong === undefined
    }, PATIENCE_MS)
    if (wrong) throw new Error(`Found otherwise:\n${wrong}`)
    whenFound()
    const { solved, denied, failed } = await captcha.solve(page)
    const [error] = [...denied, ...failed].map((one) => one.error)
    if (error) throw new Error(`Not solved: ${error.code} ${error.message}`)
    const due = expected.filter((one) => one.due).length
    if (solved.length !== due) throw new Error(`${due} are due, ${solved.length} were solved.`)
  }
}
