import { describe, expect, test } from 'vitest'
import { manualClock } from '../../src/testing/clock.js'
import { toolStage } from './stage.js'
import { engineTests, eventually, type Tool, type ToolPage, until } from './tool.js'

const API = 'window.grecaptcha && grecaptcha.render'
const KEY = 'window[Symbol.for("solveguard")]'

/** The contract for every adapter's `waitFor`. */
export function waitContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe('waitFor', () => {
    const at = toolStage(tool, { '/busy': BUSY })
    const engineTest = engineTests(tool)

    test('returns a widget that is there already', async () => {
      await at.visit('/login')
      const found = await at.captcha.waitFor(at.page.native)
      expect(found).toMatchObject([{ variant: 'v2-checkbox', due: true }])
      expect(found.omitted.widgets).toBe(0)
    })

    test('waits for a widget that its framework renders later', async () => {
      await at.visit('/late', API)
      const waiting = at.captcha.waitFor(at.page.native)
      await at.page.evaluate('setTimeout(draw, 300); 0')
      expect(await waiting).toMatchObject([{ variant: 'v2-checkbox', due: true }])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
    })

    test('continues over navigations', async () => {
      await at.visit('/tiny', 'true')
      const waiting = at.captcha.waitFor(at.page.native)
      await at.page.goto(`${at.site.url}/ordinary`)
      await at.page.goto(`${at.site.url}/login`)
      expect(await waiting).toMatchObject([{ pageUrl: `${at.site.url}/login` }])
    })

    test('waits for a widget in a frame that is added later', async () => {
      await at.visit('/tiny', 'true')
      const waiting = at.captcha.waitFor(at.page.native)
      await at.page.evaluate(
        `setTimeout(() => {
          document.body.appendChild(document.createElement('iframe')).src = '${at.site.otherUrl}/login'
        }, 300); 0`,
      )
      expect(await waiting).toMatchObject([{ frameUrl: `${at.site.otherUrl}/login` }])
    })

    test('waits until a person can see a widget that its page folds out', async () => {
      await at.visit('/login')
      const sheet = `.widget { max-height: 0; overflow: hidden; transition: max-height 200ms }
        body:has(input[name=more]:checked) .widget { max-height: 400px }`
      await at.page.evaluate(`document.head.insertAdjacentHTML('beforeend', ${JSON.stringify(`<style>${sheet}</style>`)})
        document.querySelector('h1').insertAdjacentHTML('afterend', '<input type="checkbox" name="more">'); 0`)
      let over = false
      const waiting = at.captcha.waitFor(at.page.native).finally(() => {
        over = true
      })
      expect(await at.captcha.find(at.page.native)).toMatchObject([{ visible: false, due: false }])
      expect(over).toBe(false)
      await at.page.click('input[name=more]')
      expect(await waiting).toMatchObject([{ variant: 'v2-checkbox', visible: true, due: true }])
    })

    test('waits until an invisible widget is executed', async () => {
      await at.visit('/invisible-execute')
      let over = false
      const waiting = at.captcha.waitFor(at.page.native).finally(() => {
        over = true
      })
      // Found, and not due.
      expect(await at.captcha.find(at.page.native)).toMatchObject([{ due: false }])
      expect(over).toBe(false)
      await at.page.click('#go')
      expect(await waiting).toMatchObject([{ variant: 'v2-invisible', executed: true }])
    })

    engineTest('returns any widget with which: all', async () => {
      await at.visit('/invisible')
      expect(await at.captcha.waitFor(at.page.native, { which: 'all' })).toMatchObject([{ due: false }])
    })

    test('waits until a hidden widget is shown', async () => {
      await at.visit('/login')
      await at.page.evaluate('document.querySelector("main").style.display = "none"')
      const waiting = at.captcha.waitFor(at.page.native)
      await at.page.evaluate('setTimeout(() => { document.querySelector("main").style.display = "" }, 300); 0')
      expect(await waiting).toMatchObject([{ visible: true, due: true }])
    })

    test('rejects after its timeout, and counts what it saw', async () => {
      await at.visit('/invisible')
      await expect(at.captcha.waitFor(at.page.native, { timeout: 200 })).rejects.toMatchObject({
        code: 'WAIT_TIMEOUT',
        message: 'No widget was due in the page within 200 ms; the page has 1 that is not due.',
      })
      await at.page.goto(`${at.site.url}/tiny`)
      await expect(at.captcha.waitFor(at.page.native, { timeout: 200, which: 'all' })).rejects.toMatchObject({
        message: 'There was no widget in the page within 200 ms.',
      })
    })

    test('ends with its signal, its page and its captcha', async () => {
      await at.visit('/tiny', 'true')
      const controller = new AbortController()
      const ended = async (wait: Promise<unknown>, code: string) => expect(wait).rejects.toMatchObject({ code })
      const aborted = ended(at.captcha.waitFor(at.page.native, { signal: controller.signal }), 'SOLVE_ABORTED')
      controller.abort()
      await aborted
      const other = await at.context.newPage()
      await other.goto(`${at.site.url}/tiny`)
      const gone = ended(at.captcha.waitFor(other.native), 'PAGE_GONE')
      await other.close()
      await gone
      const closed = ended(at.captcha.waitFor(at.page.native), 'SOLVE_ABORTED')
      await at.captcha.close()
      await closed
      await ended(at.captcha.waitFor(at.page.native), 'GUARD_CLOSED')
    })

    test('finds a widget in a page that changes all the time', async () => {
      await at.visit('/busy', 'window.turns > 3')
      const waiting = at.captcha.waitFor(at.page.native)
      await until(at.page, 'turns > 60')
      await at.page.evaluate('widget(); 0')
      expect(await waiting).toMatchObject([{ variant: 'v2-checkbox' }])
    })

    test('leaves nothing in the page', async () => {
      await at.visit('/tiny', 'true')
      const controller = new AbortController()
      const waiting = at.captcha.waitFor(at.page.native, { signal: controller.signal }).catch(() => undefined)
      await eventually(async () => (await at.page.evaluate(`!!${KEY}?.main`)) === true)
      controller.abort()
      await waiting
      await eventually(async () => (await at.page.evaluate(`"onChange" in ${KEY}`)) === false)
    })

    engineTest('uses the clock that it was given', async () => {
      const clock = manualClock(Date.now())
      await at.visit('/tiny', 'true', {}, { clock })
      let over = false
      const waiting = at.captcha.waitFor(at.page.native, { timeout: 60_000 }).catch((error) => {
        over = true
        return error
      })
      await clock.advance(59_000)
      expect(over).toBe(false)
      await eventually(async () => {
        await clock.advance(1_000)
        return over
      })
      expect(await waiting).toMatchObject({ code: 'WAIT_TIMEOUT' })
    })

    engineTest('refuses mistyped options', async () => {
      await at.visit('/login')
      for (const options of [{ wich: 'all' }, { which: 'each' }, { timeout: -1 }, { timeout: '5s' }]) {
        await expect(at.captcha.waitFor(at.page.native, options as never)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        })
      }
    })
  })
}

/** Changes its document hundreds of times a second. */
const BUSY = `<!doctype html><p id="at"></p><script>
window.turns = 0
setInterval(function () { turns++; document.getElementById('at').replaceChildren(document.createElement('b')) }, 4)
window.widget = function () {
  var element = document.body.appendChild(document.createElement('div'))
  element.className = 'g-recaptcha'
  element.dataset.sitekey = 'abc'
  element.textContent = 'x'
}
</script>`
