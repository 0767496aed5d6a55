import { Browser, Builder, By, type WebDriver, type WebElement } from 'selenium-webdriver'
import { Options, ServiceBuilder } from 'selenium-webdriver/chrome.js'
import { CHROMIUM_FLAGS, findBrowser, HEADLESS_SHELL } from '../../../scripts/find-browser.mjs'
import { guardContext, type SessionCaptcha } from '../../../src/adapters/webdriver/index.js'
import { eventually, runBefore, type Tool } from '../tool.js'
import { browserFolder } from './browser-folder.js'
import { bodyOf, type Client, windowPage } from './webdriver-tool.js'

/**
 * Starts a session of chromedriver, with the Chromium that it finds, that CHROMIUM_PATH names, or with Debian's
 * headless shell if that is installed.
 */
export async function startSelenium({ bidi }: { bidi: boolean }): Promise<WebDriver> {
  const found = await findBrowser({ windows: false })
  const options = new Options()
  options.addArguments('--headless=new', ...CHROMIUM_FLAGS)
  // Another browser, such as Playwright's own, may be too new or too old for chromedriver.
  if (found && ['CHROMIUM_PATH', HEADLESS_SHELL].includes(found.source)) options.setChromeBinaryPath(found.path)
  if (bidi) options.enableBidi()
  const { env, remove } = browserFolder()
  const service = new ServiceBuilder('chromedriver').setEnvironment(env as Record<string, string>)
  const builder = new Builder().forBrowser(Browser.CHROME).setChromeOptions(options).setChromeService(service)
  const driver = await (builder.build() as Promise<WebDriver>)
  const quit = driver.quit.bind(driver)
  driver.quit = () => quit().finally(remove)
  return driver
}

/** Runs a function before each command that evaluates in a page, until what it returns is called. */
async function interceptCalls(driver: WebDriver, bidi: boolean, before: () => Promise<void>): Promise<() => void> {
  if (!bidi) return runBefore(driver, 'executeScript', before)
  return runBefore(await driver.getBidi(), 'send', async ({ method }: { method: string }) => {
    if (/^script\.(?:callFunction|evaluate)$/.test(method)) await before()
  })
}

function seleniumClient(driver: WebDriver, hooks: { before: () => Promise<void> }): Client<WebElement> {
  return {
    beforeCalls(run) {
      hooks.before = run
    },
    get: (url) => driver.get(url),
    toWindow: (handle) => driver.switchTo().window(handle),
    toFrame: (element) => (element ? driver.switchTo().frame(element) : driver.switchTo().defaultContent()),
    evaluate: (expression) => driver.executeScript(bodyOf(expression)),
    elements: (selector) => driver.findElements(By.css(selector)),
    click: (element) => element.click(),
    textOf: (element) => element.getText(),
    async newWindow() {
      await driver.switchTo().newWindow('tab')
      return driver.getWindowHandle()
    },
    closeWindow: () => driver.close(),
  }
}

/** One session for all of the contract, a window for each of its pages. */
export function seleniumTool({ bidi }: { bidi: boolean }): Tool<string> {
  let started: Promise<WebDriver> | undefined
  return {
    name: bidi ? 'Selenium, with BiDi' : 'Selenium',
    callsOfASolve: bidi ? 5 : 18,
    ...(bidi ? { popups: true } : {}),
    async open() {
      started ??= startSelenium({ bidi })
      const driver = await started
      const hooks = { before: async () => {} }
      const restore = await interceptCalls(driver, bidi, () => hooks.before())
      const client = seleniumClient(driver, hooks)
      const home = await driver.getWindowHandle()
      const opened: string[] = []
      let captcha: SessionCaptcha | undefined
      return {
        async guard(grant, narrowing, options) {
          captcha = await guardContext(grant, driver, narrowing, options)
          return captcha
        },
        async newPage() {
          const handle = await client.newWindow()
          opened.push(handle)
          // A new window has the init script from its first scan on.
          if (captcha && !bidi) await captcha.find(handle).catch(() => undefined)
          return windowPage(client, handle, home, () => captcha)
        },
        async opened(run) {
          const before = await driver.getAllWindowHandles()
          await run()
          const find = async () => (await driver.getAllWindowHandles()).find((one) => !before.includes(one))
          await eventually(async () => (await find()) !== undefined)
          const handle = (await find()) as string
          opened.push(handle)
          return windowPage(client, handle, home, () => captcha)
        },
        async close() {
          hooks.before = async () => {}
          await captcha?.close()
          restore()
          const open = await driver.getAllWindowHandles()
          for (const handle of opened.filter((one) => open.includes(one))) {
            await driver.switchTo().window(handle)
            await driver.close()
          }
          await driver.switchTo().window(home)
        },
      }
    },
    close: async () => (await started)?.quit(),
  }
}
