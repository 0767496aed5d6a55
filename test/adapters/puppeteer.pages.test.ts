import { type Browser, launch, type Page } from 'puppeteer-core'
import { expect, test } from 'vitest'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'
import { guardContext } from '../../src/adapters/puppeteer/index.js'
import { autoContract } from './auto-contract.js'
import { contract } from './contract.js'
import { fakeGrant } from './fake-grant.js'
import { picturesContract } from './pictures-contract.js'
import { prepareContract } from './prepare-contract.js'
import { puppeteerTool } from './puppeteer-tool.js'
import { reusedContract } from './reused-contract.js'
import { takeoverContract } from './takeover-contract.js'
import { unnamedContract } from './unnamed-contract.js'
import { waitContract } from './wait-contract.js'

let launched: Promise<Browser> | undefined

function browser(): Promise<Browser> {
  launched ??= findBrowser({ windows: false }).then((found) =>
    launch({ executablePath: found?.path ?? '', args: CHROMIUM_FLAGS }),
  )
  return launched
}

const puppeteer = puppeteerTool('Puppeteer', browser)

contract(puppeteer)
picturesContract(puppeteer)
waitContract(puppeteer)
takeoverContract(puppeteer)
reusedContract(puppeteer)
unnamedContract(puppeteer)
prepareContract(puppeteer)
autoContract(puppeteer)

test('removes its listeners from pages after a solve, and from the context on close', async () => {
  const context = await (await browser()).createBrowserContext()
  const page = await context.newPage()
  const onPage = () =>
    (['framenavigated', 'framedetached', 'error'] as const).reduce((sum, name) => sum + page.listenerCount(name), 0)
  const before = onPage()
  const grant = fakeGrant({ issue: () => 'a-token' })
  const captcha = await guardContext(grant, context)
  expect(context.listenerCount('targetcreated')).toBe(1)
  await page.setContent('<div class="g-recaptcha" data-sitekey="abc"></div>')
  // From the first scan on, navigations are watched: each may be another load of the page.
  await captcha.find(page)
  const looked = onPage()
  grant.answer = async () => {
    expect(onPage()).toBe(looked + 3)
    return 'a-token'
  }
  expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
  expect(onPage()).toBe(looked)
  await captcha.close()
  expect(onPage()).toBe(before)
  expect(context.listenerCount('targetcreated')).toBe(0)
  await context.close()
})

test('refuses a page of another context, and arguments of the wrong kind', async () => {
  const context = await (await browser()).createBrowserContext()
  const other = await (await browser()).createBrowserContext()
  const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
  const page = await other.newPage()
  await expect(captcha.find(page)).rejects.toThrow('This page belongs to another browser context')
  await expect(captcha.solve(undefined as never)).rejects.toThrow('Pass the page: captcha.solve(page).')
  for (const wrong of [page, await browser(), undefined])
    await expect(guardContext(fakeGrant({ issue: () => '' }), wrong as never)).rejects.toThrow(
      /takes a browser context second: .*browser\.defaultBrowserContext\(\)/,
    )
  await context.close()
  await other.close()
})

test('watches the first document of a new page, and a pop-up once it has navigated', async () => {
  const context = await (await browser()).createBrowserContext()
  const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
  const watched = 'Symbol.for("solveguard") in window'
  for (let count = 0; count < 5; count++) {
    const page = await context.newPage()
    await page.goto('data:text/html,first')
    expect(await page.evaluate(watched)).toBe(true)
  }
  const page = await context.newPage()
  const opened = new Promise<Page | null>((resolve) => page.once('popup', resolve))
  await page.evaluate('void window.open("about:blank")')
  const popup = await opened
  await popup?.goto('data:text/html,second')
  expect(await popup?.evaluate(watched)).toBe(true)
  await captcha.close()
  await page.goto('data:text/html,third')
  expect(await page.evaluate(watched)).toBe(false)
  await context.close()
})

test('drops in the browser what a page returns in place of our code, however long it is', async () => {
  const context = await (await browser()).createBrowserContext()
  const captcha = await guardContext(fakeGrant({ issue: () => '' }), context)
  const page = await context.newPage()
  await page.setContent('<div class="g-recaptcha" data-sitekey="abc"></div><iframe></iframe>')
  expect(await captcha.find(page)).toHaveLength(1)
  await page.evaluate(`{
    const text = '\\u0001'.repeat(5e6)
    for (const name of ['apply', 'call', 'bind']) Function.prototype[name] = () => text
    Element.prototype.getAttribute = () => text
    window.eval = JSON.stringify = () => text
    window[Symbol.for('solveguard')].main.find = () => text
    0
  }`)
  const frame = page.mainFrame()
  const lengths: number[] = []
  const evaluate = frame.evaluate.bind(frame)
  Object.assign(frame, {
    evaluate: async (expression: string) => {
      const value = await evaluate(expression)
      lengths.push(JSON.stringify(value ?? null).length)
      return value
    },
  })
  // The blank frame has no such function, and replies.
  expect((await captcha.find(page)).omitted.unresponsive).toBe(1)
  expect(lengths.length).toBeGreaterThan(0)
  expect(Math.max(...lengths)).toBeLessThan(10)
  await context.close()
})
