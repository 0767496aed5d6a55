import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExtraPlugin } from '../../../src/adapters/extra/options.js'
import { type StandInSite, startSite } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { denied, type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import { type ExtraBrowser, type ExtraPage, launchExtra, ownPlugin, TOOL_NAMES } from './extra-browser.js'

const VIOLET = 'rgb(124, 77, 255)'
const GREEN = 'rgb(0, 161, 82)'
const RED = 'rgb(213, 0, 0)'

/** The colors of the outlines that are shown, and whatever of ours is in the page. */
const SHOWN = `JSON.stringify([...document.querySelectorAll('*')].flatMap((element) =>
  element.getAnimations().map(() => getComputedStyle(element).outlineColor)))`
const HTML = 'document.documentElement.outerHTML'

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
  let plugin: ExtraPlugin
  beforeAll(async () => {
    grant = fakeGrant(recaptcha)
    plugin = ownPlugin(tool, grant)
    browser = await launchExtra(tool, [plugin])
  })
  afterAll(() => browser?.[Symbol.asyncDispose]())

  async function open(path: string, visualFeedback: boolean): Promise<ExtraPage> {
    plugin.opts.visualFeedback = visualFeedback
    const page = await browser.newPage()
    await page.goto(`${site.url}${path}`)
    await eventually(async () => (await page.findRecaptchas()).captchas.length === 1)
    return page
  }

  const shown = async (page: ExtraPage): Promise<string[]> => JSON.parse(`${await page.evaluate(SHOWN)}`)

  test('nothing is shown unless it is asked for', async () => {
    const page = await open('/login', false)
    grant.answer = async ({ sitekey }) => {
      expect(await shown(page)).toEqual([])
      return recaptcha.issue({ sitekey })
    }
    await page.solveRecaptchas()
    expect(await shown(page)).toEqual([])
    await page.close()
  })

  test.each([
    ['solved', '/named', GREEN, async (sitekey: string) => recaptcha.issue({ sitekey })],
    ['denied', '/named', RED, () => Promise.reject(denied())],
  ] as const)(
    'a widget is outlined while it is solved, and when it is %s; nothing stays',
    async (_, path, end, answer) => {
      const page = await open(path, true)
      const before = `${await page.evaluate(HTML)}`
      grant.answer = async ({ sitekey }) => {
        await eventually(async () => (await shown(page)).includes(VIOLET))
        return answer(sitekey)
      }
      await page.solveRecaptchas()
      await eventually(async () => (await shown(page)).join() === end)
      await eventually(async () => (await shown(page)).length === 0)
      expect(await page.evaluate(HTML)).toBe(before)
      await page.close()
    },
  )

  test('it is undone where the page throws, in its callback and in what draws it, and no solve fails for it', async () => {
    const page = await open('/named', true)
    grant.answer = async ({ sitekey }) => {
      await eventually(async () => (await shown(page)).includes(VIOLET))
      await page.evaluate(`window.answered = () => { throw new Error('of the page') }
        Element.prototype.animate = () => { throw new Error('of the page') }; 0`)
      return recaptcha.issue({ sitekey })
    }
    expect(await page.solveRecaptchas()).toMatchObject({ solved: [{ isSolved: true, responseCallback: false }] })
    await eventually(async () => (await shown(page)).length === 0)
    await page.close()
  })

  test('a widget that is bought for later is outlined until it is bought', async () => {
    const page = await open('/named', true)
    grant.answer = async ({ sitekey }) => {
      await eventually(async () => (await shown(page)).includes(VIOLET))
      return recaptcha.issue({ sitekey })
    }
    await page.getRecaptchaSolutions((await page.findRecaptchas()).captchas)
    await eventually(async () => (await shown(page)).length === 0)
    await page.close()
  })
})
