import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import type { PictureChallenge } from '../../src/base/challenge.js'
import { type LoopbackServer, reply, serve } from '../../src/testing/shared/http.js'
import { readDigits } from '../../src/testing/shared/picture.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site/index.js'
import { denied, type FakeGrant, fakeGrant } from './fake-grant.js'
import { type ElementPage, type ElementTool, engineTests, eventually, type ToolContext, until } from './tool.js'

const SUBMIT = '#login button'
const LOADED = '[...document.images].every((image) => image.complete && image.naturalWidth)'

/** Reads the text that is really in the picture, as a service would. */
async function read(shown: PictureChallenge): Promise<string> {
  if (shown.family === 'image') return readDigits(shown.image) ?? 'nothing'
  const asked = /\d+/.exec(shown.instruction)?.[0]
  return JSON.stringify(shown.images.flatMap((image, at) => (readDigits(image) === asked ? [at + 1] : [])))
}

/** The contract for an adapter whose tool can name elements: pass pictures to the guard, and use its solutions. */
export function picturesContract<P, E>(tool: ElementTool<P, E>): void {
  describe('pictures', () => {
    const engineTest = engineTests(tool)
    let site: StandInSite
    let context: ToolContext<P, E, ElementPage<P, E>>
    let page: ElementPage<P, E>
    let grant: FakeGrant
    let captcha: Captcha<P, E>

    beforeAll(async () => {
      site = await startSite({
        pages: {
          '/field': '<p id="captcha">4711</p><input id="answer" value="something else">',
        },
      })
    })
    afterAll(() => site?.close())
    beforeEach(async () => {
      context = await tool.open()
    })
    afterEach(() => context.close())

    async function visit(path: string, ready = 'true'): Promise<void> {
      grant = fakeGrant({ issue: () => 'a-token' })
      grant.readPicture = read
      captcha = await context.guard(grant)
      page = await context.newPage()
      await page.goto(site.url + path)
      await until(page, ready)
    }

    const into = async () => ({ into: await page.element('#answer') })

    test.each([
      ['an image', '/picture', LOADED],
      ['a canvas', '/picture/canvas', 'document.querySelector("canvas").dataset.drawn'],
      ['an image from another origin', '/picture/other-origin', LOADED],
      ['a background', '/picture/background', 'true'],
    ])('solves %s and types the text, and the server accepts it', async (_, path, ready) => {
      await visit(path, ready)
      const { token, cost } = await captcha.solveImage(await page.element('#captcha'), await into())
      expect(token).toMatch(/^\d{5}$/)
      expect(cost).toBe(1000)
      expect(grant.pictures).toMatchObject([{ family: 'image', variant: 'text', pageUrl: site.url + path }])
      expect(grant.injections).toEqual([{ token, ok: true, code: undefined }])
      await page.click(SUBMIT)
      expect(await page.text('h1.good')).toBe(WELCOME)
    })

    test('waits until an image has loaded', async () => {
      await visit('/picture')
      const { token } = await captcha.solveImage(await page.element('#captcha'))
      expect(token).toMatch(/^\d{5}$/)
    })

    test('takes the image from an element that contains one', async () => {
      await visit('/picture', LOADED)
      expect((await captcha.solveImage(await page.element('#shown'))).token).toMatch(/^\d{5}$/)
    })

    test('passes the hints on, and replaces the text of the field', async () => {
      await visit('/picture', LOADED)
      await page.evaluate('document.getElementById("answer").value = "something else"; 0')
      const hints = {
        numeric: 1,
        minLength: 5,
        maxLength: 5,
        phrase: false,
        case: true,
        math: false,
        comment: 'x',
      } as const
      const { token } = await captcha.solveImage(await page.element('#captcha'), { ...hints, ...(await into()) })
      expect(grant.pictures).toMatchObject([hints])
      expect(await page.evaluate('document.getElementById("answer").value')).toBe(token)
    })

    test('checks a picture in a frame against the page and the frame', async () => {
      await visit('/picture/frame')
      await until(page, 'document.querySelector("iframe").contentDocument.querySelector("#captcha")?.naturalWidth')
      const [picture, field] = [await page.element('#captcha', '/picture#'), await page.element('#answer', '/picture#')]
      const { token } = await captcha.solveImage(picture, { into: field })
      expect(grant.pictures).toMatchObject([{ pageUrl: `${site.url}/picture/frame`, frameUrl: `${site.url}/picture` }])
      expect(
        await page.evaluate('document.querySelector("iframe").contentDocument.querySelector("#answer").value'),
      ).toBe(token)
    })

    test('clicks the matching cells of a grid, and the server accepts them', async () => {
      await visit('/picture/grid', LOADED)
      const cells = await page.elements('.cell')
      const { token } = await captcha.solveGrid({ cells, instruction: await page.element('#instruction') })
      expect(JSON.parse(token)).toHaveLength(4)
      expect(grant.pictures).toMatchObject([
        { family: 'bls', instruction: expect.stringMatching(/^Please select .* \d{3}$/) },
      ])
      expect(grant.injections).toMatchObject([{ ok: true }])
      await page.click(SUBMIT)
      expect(await page.text('h1.good')).toBe(WELCOME)
    })

    engineTest('takes the instruction of a grid as a string as well', async () => {
      await visit('/picture/grid', LOADED)
      const instruction = String(await page.evaluate('document.getElementById("instruction").textContent'))
      await captcha.solveGrid({ cells: await page.elements('.cell'), instruction })
      expect(grant.pictures).toMatchObject([{ instruction }])
    })

    describe('another page takes the place of the one with the field', () => {
      let typed: string[] = []
      let elsewhere: LoopbackServer

      beforeAll(async () => {
        // Whatever is typed goes into its field.
        const script = `const at = document.querySelector('input'), tell = (what) => fetch('/typed?' + what)
          setInterval(() => at.focus(), 1)
          at.oninput = () => tell(at.value); at.onkeydown = ({ key }) => tell(key); tell('ready')`
        elsewhere = await serve((request, response) => {
          if (request.url?.startsWith('/typed')) typed.push(request.url.split('?')[1] ?? '')
          reply(response, 'html', `<!doctype html><input autofocus><script>${script}</script>`)
        })
      })
      afterAll(() => elsewhere?.close())

      test.each([0, 5, 20, 60])('%i ms after the text was bought: nothing is typed into it', async (ms) => {
        await visit('/picture', LOADED)
        typed = []
        const address = `http://localhost:${elsewhere.port}/`
        grant.readPicture = async () => {
          await page.evaluate(`setTimeout(() => { location.href = ${JSON.stringify(address)} }, ${ms}); 0`)
          return 'x'.repeat(40)
        }
        await captcha.solveImage(await page.element('#captcha'), await into()).catch(() => undefined)
        await eventually(() => typed.includes('ready'))
        expect(await page.evaluate('document.querySelector("input").value')).toBe('')
        expect(typed.filter((text) => text.includes('x'))).toEqual([])
      })
    })

    engineTest('throws a denial, and types nothing', async () => {
      await visit('/picture', LOADED)
      grant.readPicture = () => Promise.reject(denied())
      const solving = captcha.solveImage(await page.element('#captcha'), await into())
      await expect(solving).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
      expect(await page.evaluate('document.getElementById("answer").value')).toBe('')
    })

    test('buys nothing for a picture that did not load', async () => {
      await visit('/picture/broken', 'document.images[0].complete')
      await expect(captcha.solveImage(await page.element('#captcha'))).rejects.toMatchObject({ code: 'WIDGET_GONE' })
      expect(grant.pictures).toEqual([])
    })

    test('reports a field that was removed during the solve, in an error without the text', async () => {
      await visit('/picture', LOADED)
      grant.readPicture = async () => {
        await page.evaluate('document.getElementById("answer").remove()')
        return 'the-text-of-the-picture'
      }
      const error = await captcha.solveImage(await page.element('#captcha'), await into()).catch((thrown) => thrown)
      expect(error).toMatchObject({ code: 'WIDGET_GONE' })
      expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain('the-text-of-the-picture')
      expect(grant.injections).toMatchObject([{ ok: false, code: 'WIDGET_GONE' }])
    })

    test.each([
      ['navigates', (at: ElementPage<P, E>) => at.goto(`${site.url}/field`)],
      ['is closed', (at: ElementPage<P, E>) => at.close()],
    ])('throws PAGE_GONE for a page that %s during a solve', async (_, leave) => {
      await visit('/picture', LOADED)
      grant.readPicture = () => new Promise(() => {})
      const solving = captcha.solveImage(await page.element('#captcha'), await into())
      solving.catch(() => undefined)
      await eventually(() => grant.pictures.length === 1)
      await leave(page)
      await expect(solving).rejects.toMatchObject({ code: 'PAGE_GONE' })
    })

    test('never types a text into the next page', async () => {
      await visit('/picture', LOADED)
      grant.readPicture = async () => {
        await page.goto(`${site.url}/field`)
        return '4711'
      }
      const solving = captcha.solveImage(await page.element('#captcha'), await into())
      await expect(solving).rejects.toMatchObject({ code: 'PAGE_GONE' })
      expect(await page.evaluate('document.getElementById("answer").value')).toBe('something else')
    })

    engineTest('throws for an aborted solve, and once the captcha is closed', async () => {
      await visit('/picture', LOADED)
      grant.readPicture = () => new Promise(() => {})
      const controller = new AbortController()
      const picture = await page.element('#captcha')
      const solving = captcha.solveImage(picture, { signal: controller.signal })
      solving.catch(() => undefined)
      await eventually(() => grant.pictures.length === 1)
      controller.abort()
      await expect(solving).rejects.toMatchObject({ code: 'SOLVE_ABORTED' })
      const other = captcha.solveImage(picture)
      other.catch(() => undefined)
      await eventually(() => grant.pictures.length === 2)
      await captcha.close()
      await expect(other).rejects.toMatchObject({ code: 'SOLVE_ABORTED' })
      await expect(captcha.solveImage(picture)).rejects.toMatchObject({ code: 'GUARD_CLOSED' })
    })

    engineTest('refuses mistyped options before anything is spent', async () => {
      await visit('/picture/grid', LOADED)
      const cells = await page.elements('.cell')
      const wrong = [
        captcha.solveImage('img' as never),
        captcha.solveImage(null as never),
        captcha.solveImage(cells[0] as E, { inot: cells[1] } as never),
        captcha.solveGrid({ cells: cells.slice(1), instruction: '664' }),
        captcha.solveGrid({ cells: undefined, instruction: '664' } as never),
        captcha.solveGrid({ cells, instruction: '664', clicks: true } as never),
      ]
      for (const one of wrong) await expect(one).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      expect(grant.pictures).toEqual([])
    })

    test('refuses elements of two documents', async () => {
      await visit('/picture', LOADED)
      const other = await context.newPage()
      await other.goto(`${site.url}/field`)
      const solving = captcha.solveImage(await page.element('#captcha'), { into: await other.element('#answer') })
      await expect(solving).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    })

    engineTest('clicks nothing if a user’s own solver returns no cells', async () => {
      await visit('/picture/grid', LOADED)
      grant.readPicture = async () => '[1,10]'
      const solving = captcha.solveGrid({ cells: await page.elements('.cell'), instruction: '664' })
      await expect(solving).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
      expect(await page.evaluate('document.getElementById("cells").value')).toBe('')
    })
  })
}
