import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import { afterEach, expect, test, vi } from 'vitest'
import { fakeGrant } from '../fake-grant.js'
import { type AnyPlugin, type ExtraPage, launchExtra, ownPlugin, TOOL_NAMES } from './extra-browser.js'

// Without its types: they add methods with the same names as ours to the tools' pages.
const require = createRequire(import.meta.url)
const recaptchaPlugin: () => OldPlugin = require('puppeteer-extra-plugin-recaptcha')

interface OldPlugin {
  readonly name: string
  onPageCreated(page: object): Promise<void>
}

/** Any other plugin, with a dependency that the tool adds by itself. */
function dependent(): object {
  const none = new Set<string>()
  return {
    _isPuppeteerExtraPlugin: true,
    name: 'depends-on-it',
    requirements: none,
    dependencies: new Set(['recaptcha']),
    data: [],
    _register() {},
    _getMissingDependencies: (plugins: { name: string }[]) =>
      new Set(['recaptcha'].filter((name) => !plugins.some((one) => one.name === name))),
    async _bindBrowserEvents() {},
  }
}

const guard = fakeGrant({ issue: () => '03A' })

afterEach(() => {
  vi.restoreAllMocks()
})

const TOGETHER: readonly (readonly [string, (own: AnyPlugin, more: AnyPlugin) => AnyPlugin[], string])[] = [
  ['puppeteer-extra-plugin-recaptcha before it', (own) => [recaptchaPlugin(), own], 'puppeteer-extra-plugin-recaptcha'],
  ['puppeteer-extra-plugin-recaptcha after it', (own) => [own, recaptchaPlugin()], 'puppeteer-extra-plugin-recaptcha'],
  ['itself', (own, more) => [own, more], 'used twice'],
]

for (const tool of TOOL_NAMES) {
  test.each(TOGETHER)(`${tool} launches no browser with %s`, async (_, plugins, message) => {
    const launch = vi.spyOn(puppeteer, 'launch')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const used = plugins(ownPlugin(tool, guard), ownPlugin(tool, guard))
    const launching = launchExtra(tool, used).then((browser) => browser[Symbol.asyncDispose]())
    await expect(launching).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) })
    expect(launch).not.toHaveBeenCalled()
  })

  test(`${tool} launches with it and plugins of other names, and a page keeps its methods`, async () => {
    const other = { ...dependent(), name: 'another' }
    await using browser = await launchExtra(tool, [other, ownPlugin(tool, guard), dependent()])
    const page = await browser.newPage()
    const method = page.solveRecaptchas
    const late = recaptchaPlugin().onPageCreated(withPuppeteersMethods(page))
    await expect(late).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(page.solveRecaptchas).toBe(method)
    expect(Array.prototype.filter.name).toBe('filter')
  })
}

test('playwright-extra launches no browser, and connects to none, while its plugin is used beside the other one', async () => {
  const { addExtra } = await import('playwright-extra')
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const extra = addExtra(chromium)
  for (const plugin of [ownPlugin('playwright-extra', guard), recaptchaPlugin()]) extra.use(plugin as never)
  const refused = { code: 'CONFIG_INVALID' }
  await expect(extra.launchPersistentContext('', {})).rejects.toMatchObject(refused)
  await expect(extra.connect('ws://127.0.0.1:1')).rejects.toMatchObject(refused)
  await expect(extra.connectOverCDP('http://127.0.0.1:1')).rejects.toMatchObject(refused)
})

/** What that plugin calls of Puppeteer's. */
function withPuppeteersMethods(page: ExtraPage): ExtraPage {
  return 'setBypassCSP' in page ? page : Object.assign(page, { setBypassCSP: async () => {} })
}
