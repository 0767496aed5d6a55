import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StandInSite, startSite } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import {
  type ExtraBrowser,
  type ExtraFrame,
  type ExtraPage,
  launchExtra,
  ownPlugin,
  TOOL_NAMES,
} from './extra-browser.js'

const GONE = /^PAGE_GONE: /
const isGone = { code: 'PAGE_GONE' }

let recaptcha: StandInRecaptcha
let site: StandInSite

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
})

afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})

describe.each(TOOL_NAMES)('with %s,', (tool) => {
  let grant: FakeGrant
  let browser: ExtraBrowser
  beforeAll(async () => {
    grant = fakeGrant(recaptcha)
    browser = await launchExtra(tool, [ownPlugin(tool, grant)])
  })
  afterAll(() => browser?.[Symbol.asyncDispose]())

  async function open(path: string): Promise<ExtraPage> {
    const page = await browser.newPage()
    await page.goto(`${site.url}${path}`)
    return page
  }

  /** Every method returns `PAGE_GONE`, or throws it where it returns no errors; and nothing is bought. */
  async function expectGone(place: ExtraPage | ExtraFrame, found: Parameters<ExtraPage['getRecaptchaSolutions']>[0]) {
    const bought = grant.challenges.length
    const solution = { _vendor: 'recaptcha' as const, id: found[0]?.id, text: 'of-my-own' }
    expect((await place.findRecaptchas()).error).toMatch(GONE)
    expect((await place.solveRecaptchas()).error).toMatch(GONE)
    expect((await place.getRecaptchaSolutions(found)).error).toMatch(GONE)
    expect((await place.enterRecaptchaSolutions([solution])).error).toMatch(GONE)
    await expect(place.findCaptchas()).rejects.toMatchObject(isGone)
    await expect(place.solveCaptchas()).rejects.toMatchObject(isGone)
    expect(grant.challenges).toHaveLength(bought)
  }

  test('a closed page is gone', async () => {
    const page = await open('/login')
    const { captchas } = await page.findRecaptchas()
    expect(captchas).toHaveLength(1)
    await page.close()
    await expectGone(page, captchas)
  })

  test('a removed frame is gone, and its page is not', async () => {
    const page = await open('/frame')
    const frame = page.frames().find((one) => one.url().endsWith('/login')) as ExtraFrame
    await eventually(async () => (await frame.findRecaptchas()).captchas.length === 1)
    const { captchas } = await frame.findRecaptchas()
    await page.evaluate('document.getElementById("inner").remove()')
    await expectGone(frame, captchas)
    expect((await page.findRecaptchas()).error).toBeNull()
    await page.close()
  })

  test('a page that navigates during its solve is gone: what was asked for stays in its place', async () => {
    const page = await open('/login')
    grant.answer = async ({ sitekey }) => {
      await page.goto(`${site.url}/named`)
      return recaptcha.issue({ sitekey })
    }
    const { captchas, solutions, solved, error } = await page.solveRecaptchas()
    expect(error).toMatch(GONE)
    expect(solutions).toMatchObject([{ id: captchas[0]?.id, hasSolution: false, error }])
    expect(solved).toEqual([])
    await page.close()
  })

  test('a page that is closed during its solve is gone', async () => {
    const page = await open('/login')
    grant.answer = async ({ sitekey }) => {
      await page.close()
      return recaptcha.issue({ sitekey })
    }
    expect((await page.solveRecaptchas()).error).toMatch(GONE)
  })

  test('calls during a navigation throw nothing, whenever they begin', async () => {
    const page = await open('/login')
    grant.answer = async ({ sitekey }) => recaptcha.issue({ sitekey })
    for (let round = 0; round < 2; round++) {
      const navigating = page.goto(`${site.url}/named?${round}`)
      const calls: Promise<{ error: string | null }>[] = []
      let navigated = false
      const end = navigating.finally(() => {
        navigated = true
      })
      while (!navigated && calls.length < 50) {
        calls.push(page.solveRecaptchas(), page.findRecaptchas())
        await Promise.race([end, new Promise(setImmediate)])
      }
      await end
      for (const { error } of await Promise.all(calls)) expect(error ?? 'none').toMatch(/^(?:[A-Z_]+: .+|none)$/)
    }
    await page.close()
  })

  test.each([undefined, null, {}, 'captchas', [undefined]])(
    '%j in place of a list is refused in a sentence',
    async (no) => {
      const page = await open('/login')
      const invalid = { error: expect.stringMatching(/^CHALLENGE_INVALID: (?:captchas|solutions): expected the list/) }
      expect(await page.getRecaptchaSolutions(no as never)).toEqual({ solutions: [], ...invalid })
      expect(await page.enterRecaptchaSolutions(no as never)).toEqual({ solved: [], ...invalid })
      await page.close()
    },
  )
})
