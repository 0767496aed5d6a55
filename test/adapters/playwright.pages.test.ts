import type { EventEmitter } from 'node:events'
import type { Locator, Page } from 'playwright'
import { expect, test } from 'vitest'
import { guardContext } from '../../src/adapters/playwright/index.js'
import { sharedBrowser } from '../support/browser.js'
import { autoContract } from './auto-contract.js'
import { contract } from './contract.js'
import { dueContract } from './due-contract.js'
import { fakeGrant } from './fake-grant.js'
import { picturesContract } from './pictures-contract.js'
import { prepareContract } from './prepare-contract.js'
import { reusedContract } from './reused-contract.js'
import { takeoverContract } from './takeover-contract.js'
import { type ElementPage, type ElementTool, eventually, runBefore } from './tool.js'
import { unnamedContract } from './unnamed-contract.js'
import { variantsContract } from './variants-contract.js'
import { waitContract } from './wait-contract.js'

function toolPage(page: Page): ElementPage<Page, Locator> {
  return {
    native: page,
    goto: async (url) => void (await page.goto(url)),
    evaluate: (expression) => page.evaluate(expression),
    click: (selector) => page.click(selector),
    async clickInFrame(address, selector) {
      const find = () => page.frames().find((one) => one.url().includes(address))
      await eventually(() => find() !== undefined)
      // Before it has loaded, the frame does not handle clicks.
      await find()?.waitForLoadState()
      await find()?.click(selector)
    },
    text: async (selector) => (await page.textContent(selector)) ?? '',
    beforeCalls(run) {
      runBefore(page.mainFrame(), 'evaluate', run)
    },
    close: () => page.close(),
    async element(selector, address) {
      const frame = address === undefined ? undefined : page.frames().find((one) => one.url().includes(address))
      return (frame ?? page).locator(selector).first()
    },
    elements: (selector) => page.locator(selector).all(),
  }
}

const playwright: ElementTool<Page, Locator> = {
  name: 'Playwright',
  runsEngineTests: true,
  callsOfASolve: 5,
  popups: true,
  async open() {
    const context = await (await sharedBrowser()).newContext()
    return {
      guard: (grant, narrowing, options) => guardContext(grant, context, narrowing, options),
      newPage: async () => toolPage(await context.newPage()),
      async opened(run) {
        const [page] = await Promise.all([context.waitForEvent('page'), run()])
        return toolPage(page)
      },
      close: () => context.close(),
    }
  },
  close: async () => {},
}

contract(playwright)
variantsContract(playwright)
dueContract(playwright)
picturesContract(playwright)
waitContract(playwright)
autoContract(playwright)
takeoverContract(playwright)
reusedContract(playwright)
unnamedContract(playwright)
prepareContract(playwright)

// Both are Node.js event emitters; Playwright's types omit that.
const listeners = (of: unknown, name: string) => (of as EventEmitter).listenerCount(name)

test('removes its listeners after a solve, and all of them on close', async () => {
  const context = await (await sharedBrowser()).newContext()
  const page = await context.newPage()
  const count = () =>
    ['framenavigated', 'framedetached', 'close', 'crash', 'page'].reduce(
      (sum, name) => sum + listeners(page, name) + listeners(context, name),
      0,
    )
  const before = count()
  const grant = fakeGrant({ issue: () => 'a-token' })
  const captcha = await guardContext(grant, context)
  await page.setContent('<div class="g-recaptcha" data-sitekey="abc"></div>')
  // From the first scan on, navigations are watched: each may be another load of the page.
  await captcha.find(page)
  const looked = count()
  grant.answer = async () => {
    expect(count()).toBeGreaterThan(looked)
    return 'a-token'
  }
  expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
  expect(count()).toBe(looked)
  await captcha.close()
  expect(count()).toBe(before)
  await context.close()
})

test('undoes the init script where Playwright cannot remove it, and can guard the context again', async () => {
  const context = await (await sharedBrowser()).newContext()
  const add = context.addInitScript.bind(context)
  context.addInitScript = async (script) => void (await add(script)) as never
  const page = await context.newPage()
  const there = async () => {
    await page.goto('data:text/html,<p>A page')
    return page.evaluate('Symbol.for("solveguard") in window')
  }
  for (let time = 0; time < 2; time++) {
    const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
    expect(await there()).toBe(true)
    await captcha.close()
    expect(await there()).toBe(false)
  }
  await context.close()
})

test('refuses a page of another context, and arguments of the wrong kind', async () => {
  const context = await (await sharedBrowser()).newContext()
  const other = await (await sharedBrowser()).newContext()
  const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
  const page = await other.newPage()
  await expect(captcha.find(page)).rejects.toThrow('This page belongs to another browser context')
  await expect(captcha.solve(undefined as never)).rejects.toThrow('Pass the page: captcha.solve(page).')
  for (const wrong of [page, await sharedBrowser(), undefined])
    await expect(guardContext(fakeGrant({ issue: () => '' }), wrong as never)).rejects.toThrow(
      /takes a browser context second: .*browser\.newContext\(\)/,
    )
  await context.close()
  await other.close()
})
