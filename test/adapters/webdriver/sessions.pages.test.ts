import type { WebDriver } from 'selenium-webdriver'
import { By } from 'selenium-webdriver'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { guardContext, type SessionCaptcha } from '../../../src/adapters/webdriver/index.js'
import { Gate } from '../../../src/guard/admission/gate.js'
import { parsePolicy } from '../../../src/policy/schema.js'
import { type StandInSite, startSite } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import { startSelenium } from './selenium.js'

const WIDGET =
  '<script src="{{vendor}}/recaptcha/api.js"></script><div class="g-recaptcha" data-sitekey="{{sitekey}}"></div>'
const PAGES = {
  '/outer': '<p id="outer">outer</p><iframe src="/ordinary"></iframe><iframe src="{{other}}/middle"></iframe>',
  '/middle': '<iframe src="/inner"></iframe>',
  '/inner': '<p id="inner">inner</p><input id="field">',
  '/lying': `${WIDGET}<script>
    Object.defineProperty(Document.prototype, 'URL', { get: () => 'https://bank.example/' })
    Object.defineProperty(document, 'URL', { get: () => 'https://bank.example/' })
  </script>`,
  '/around-a-liar': '<iframe src="{{other}}/liar"></iframe>',
  '/liar': `<script>
    const stringify = JSON.stringify
    JSON.stringify = (...args) => stringify(...args)?.replaceAll('localhost', '127.0.0.1')
  </script>${WIDGET}`,
  '/around-a-sleeper': `${WIDGET}<iframe src="{{other}}/sleeper"></iframe>`,
  '/flood': `${WIDGET}<script>
    function flood() {
      const text = '\\u0001'.repeat(5e6)
      for (const name of ['apply', 'call', 'bind']) Function.prototype[name] = () => text
      for (const name of ['shift', 'slice', 'map']) Array.prototype[name] = () => text
      window.eval = JSON.stringify = () => text
    }
  </script>`,
  '/sleeper': '<script>onmessage = () => { for (;;); }</script>',
}

describe.each([
  ['classic WebDriver', false],
  ['WebDriver BiDi', true],
])('%s', (_, bidi) => {
  let driver: WebDriver
  let recaptcha: StandInRecaptcha
  let site: StandInSite
  let grant: FakeGrant
  let captcha: SessionCaptcha | undefined
  let home = ''

  beforeAll(async () => {
    recaptcha = await startRecaptcha()
    site = await startSite({ recaptcha, pages: PAGES })
    driver = await startSelenium({ bidi })
    home = await driver.getWindowHandle()
  })

  afterAll(async () => {
    await driver?.quit()
    await site?.close()
    await recaptcha?.close()
  })

  beforeEach(() => {
    grant = fakeGrant(recaptcha)
  })

  afterEach(async () => {
    await captcha?.close()
    captcha = undefined
    for (const handle of await driver.getAllWindowHandles()) {
      if (handle === home) continue
      await driver.switchTo().window(handle)
      await driver.close()
    }
    await driver.switchTo().window(home)
  })

  const guard = async (evaluateMs?: number) => {
    captcha = await guardContext(grant, driver, undefined, { evaluateMs })
    return captcha
  }
  const address = () => driver.executeScript('return location.pathname')
  const rendered = () =>
    eventually(() => driver.executeScript<boolean>('return !!document.querySelector("iframe[name^=a-]")'))
  const intoFrame = async (index: number) =>
    driver.switchTo().frame((await driver.findElements(By.css('iframe')))[index] ?? null)

  test('leaves the session in its window and frame, and element references stay valid', async () => {
    await guard()
    await driver.get(`${site.url}/outer`)
    await driver.switchTo().newWindow('tab')
    const other = await driver.getWindowHandle()
    await driver.get(`${site.url}/login`)
    await rendered()
    await driver.switchTo().window(home)
    await intoFrame(1)
    await intoFrame(0)
    const field = await driver.findElement(By.id('field'))
    const timeouts = await driver.manage().getTimeouts()
    expect(await captcha?.solve(other)).toMatchObject({ solved: [{}] })
    expect(await captcha?.find(home)).toEqual([])
    expect(await address()).toBe('/inner')
    await field.sendKeys('mine')
    expect(await field.getAttribute('value')).toBe('mine')
    expect(await driver.getWindowHandle()).toBe(home)
    expect(await driver.manage().getTimeouts()).toEqual(timeouts)
  })

  test('uses the current window by default', async () => {
    await guard()
    await driver.get(`${site.url}/login`)
    await rendered()
    expect(await captcha?.find()).toHaveLength(1)
    await driver.switchTo().newWindow('tab')
    expect(await captcha?.find()).toEqual([])
    expect(await captcha?.solve(home, { which: 'all' })).toMatchObject({ solved: [{}] })
    await expect(captcha?.find('no-such-window')).rejects.toMatchObject({ code: 'PAGE_GONE' })
    await expect(captcha?.find('')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(captcha?.solve({ wich: 'all' } as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('runs the user’s commands in alone() while no visit is under way', async () => {
    await guard()
    await driver.get(`${site.url}/frame`)
    await eventually(() => driver.executeScript<boolean>('return !!frames[0].grecaptcha?.render'))
    let over = false
    grant.answer = async ({ sitekey }) => {
      await eventually(() => over)
      return recaptcha.issue({ sitekey })
    }
    const solving = captcha?.solve()
    await eventually(() => grant.challenges.length === 1)
    for (let count = 0; count < 20; count++) {
      // A page with a solve is polled, each time in all of its frames.
      expect(await captcha?.alone(address)).toBe('/frame')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    over = true
    expect(await solving).toMatchObject({ solved: [{}] })
    expect(await captcha?.alone(async () => (await captcha?.find())?.length)).toBe(1)
  })

  test('checks a page against the URL that the browser reports, not the page’s scripts', async () => {
    await guard()
    await driver.get(`${site.url}/lying`)
    await rendered()
    expect(await captcha?.find()).toMatchObject([{ pageUrl: `${site.url}/lying` }])
    await driver.get(`${site.url}/around-a-liar`)
    await eventually(async () => (await captcha?.find())?.length === 1)
    expect(await captcha?.find()).toMatchObject([{ frameUrl: `${site.otherUrl}/liar` }])
  })

  test('omits a frame that never replies', async () => {
    await guard(3_000)
    await driver.get(`${site.url}/around-a-sleeper`)
    await rendered()
    await driver.executeScript('document.querySelector("iframe[src$=sleeper]").contentWindow.postMessage("", "*")')
    const found = await captcha?.find()
    expect(found).toHaveLength(1)
    expect(found?.omitted).toMatchObject({ unresponsive: 1 })
    expect(await address()).toBe('/around-a-sleeper')
    await driver.get('about:blank')
  })

  test('refuses a session without a current window', async () => {
    await driver.switchTo().newWindow('tab')
    await driver.close()
    await expect(guardContext(grant, driver)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('WebDriver BiDi', () => {
  test('drops in the browser what a page returns in place of our code, however long it is', async () => {
    await using recaptcha = await startRecaptcha()
    await using site = await startSite({ recaptcha, pages: PAGES })
    const driver = await startSelenium({ bidi: true })
    try {
      const connection: { send(command: { method: string }): Promise<unknown> } = await driver.getBidi()
      const send = connection.send.bind(connection)
      const lengths: number[] = []
      connection.send = async (command) => {
        const reply = await send(command)
        if (command.method === 'script.callFunction') lengths.push(JSON.stringify(reply).length)
        return reply
      }
      const captcha = await guardContext(fakeGrant(recaptcha), driver)
      await driver.get(`${site.url}/flood`)
      await eventually(() => driver.executeScript<boolean>('return !!document.querySelector("iframe[name^=a-]")'))
      await captcha.find()
      await driver.executeScript('setTimeout(flood)')
      await eventually(async () => {
        lengths.length = 0
        return (await captcha.find()).length === 1
      })
      expect(await captcha.find()).toHaveLength(1)
      expect(Math.max(...lengths)).toBeLessThan(50_000)
      expect(lengths.length).toBeGreaterThan(0)
    } finally {
      await driver.quit()
    }
  })
})

describe('classic WebDriver', () => {
  let driver: WebDriver
  let recaptcha: StandInRecaptcha
  let site: StandInSite

  beforeAll(async () => {
    recaptcha = await startRecaptcha()
    site = await startSite({ recaptcha, pages: PAGES })
    driver = await startSelenium({ bidi: false })
  })

  afterAll(async () => {
    await driver?.quit()
    await site?.close()
    await recaptcha?.close()
  })

  test('without DevTools, uses a frame’s URL only if the page can read it', async () => {
    // Like geckodriver, safaridriver and Appium on iOS: only the standard's commands.
    const plain: WebDriver = Object.create(driver, { sendAndGetDevToolsCommand: { value: undefined } })
    const grant = fakeGrant(recaptcha)
    const captcha = await guardContext(grant, plain)
    await driver.get(`${site.url}/frame`)
    await eventually(async () => (await captcha.find()).length === 1)
    expect(await captcha.find()).toMatchObject([{ frameUrl: `${site.url}/login` }])
    expect(await captcha.solve()).toMatchObject({ solved: [{}] })
    await driver.get(`${site.url}/cross-frame`)
    await eventually(async () => (await captcha.find()).length === 1)
    const [found] = await captcha.find()
    expect(found).toMatchObject({ pageUrl: `${site.url}/cross-frame`, frameUrl: 'unknown:frame' })
    const gate = new Gate(parsePolicy({ origins: [site.url, site.otherUrl] }))
    expect(() => found && gate.admit(found, Date.now())).toThrow(expect.objectContaining({ code: 'ORIGIN_OPAQUE' }))
    grant.unnamed = (what, address) => gate.originDenial(what, address)
    const { unnamed } = await captcha.find()
    expect(unnamed).toMatchObject([{ frameUrl: 'unknown:frame', error: { code: 'ORIGIN_OPAQUE' } }])
    grant.unnamed = () => undefined
    await driver.get(`${site.url}/srcdoc`)
    await eventually(async () => (await captcha.find()).length === 1)
    expect(await captcha.find()).toMatchObject([{ frameUrl: `${site.url}/srcdoc` }])
    await captcha.close()
  })

  test('names an open dialog in the error', async () => {
    const captcha = await guardContext(fakeGrant(recaptcha), driver)
    await driver.get(`${site.url}/login`)
    await driver.executeScript('setTimeout(() => alert("well?"))')
    await eventually(() =>
      driver
        .switchTo()
        .alert()
        .then(
          () => true,
          () => false,
        ),
    )
    await expect(captcha.find()).rejects.toMatchObject({
      code: 'PAGE_UNRESPONSIVE',
      message: expect.stringContaining('dialog'),
    })
    await captcha.close()
  })

  test('leaves the session at the top of the page if its frame is removed', async () => {
    const captcha = await guardContext(fakeGrant(recaptcha), driver)
    await driver.get(`${site.url}/outer`)
    await driver.switchTo().frame((await driver.findElements(By.css('iframe')))[0] ?? null)
    await driver.executeScript('const frame = frameElement; setTimeout(() => frame.remove())')
    expect(await captcha.find()).toEqual([])
    expect(await driver.executeScript('return location.pathname')).toBe('/outer')
    await captcha.close()
  })

  test('refuses an object that is no session, and names the missing commands', async () => {
    const grant = fakeGrant(recaptcha)
    await expect(guardContext(grant, {} as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(guardContext(grant, undefined as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(guardContext(grant, { executeScript() {} } as never)).rejects.toThrow('getWindowHandle')
    await expect(guardContext(driver as never, driver)).rejects.toThrow('createGuard')
  })
})
