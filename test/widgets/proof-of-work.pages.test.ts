import { expect, test } from 'vitest'
import { startAltcha } from '../../src/testing/vendors/altcha/index.js'
import { parseProofOfWork } from '../../src/widgets/parse.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { eventually } from '../adapters/tool.js'
import { stage } from './stage.js'

// Pages that report a false proof of work. Real widgets are in `npm/proof-of-work.pages.test.ts`.

const at = stage('altcha', async (options) => {
  const altcha = await startAltcha(options)
  return { ...altcha, issue: () => '', setBehavior: () => altcha.setBehavior({}) }
})

/** Solves one of the page's widgets under a grant that runs the proof of work. */
async function solve(id: string) {
  at.grant.solve = async (_, { runProofOfWork } = {}) => {
    const answer = await runProofOfWork?.(AbortSignal.timeout(1_500))
    const solution = { ...answer, cost: 0, imputed: false, taskId: '', expiresAt: new Date() }
    return { ...solution, token: answer?.token ?? '' } as Awaited<ReturnType<typeof at.grant.solve>>
  }
  const index = await at.page.evaluate(
    (wanted) => [...document.querySelectorAll('altcha-widget')].findIndex((one) => one.id === wanted),
    id,
  )
  const found = (await at.find())[index] as FoundChallenge
  return at.captcha.solve(at.page, { which: [found] })
}

async function visit() {
  await at.guard({}, { evaluateMs: 1_000 })
  await at.open('/altcha-odd')
}

test('invalid endpoints and states throw nothing, and their widgets are due like others', async () => {
  await visit()
  const found = await at.find()
  expect(found).toHaveLength(6)
  for (const one of found) expect(one).toMatchObject({ family: 'altcha', sitekey: 'self-hosted', due: true })
})

test.each(['names', 'odd-promise'])('%s: waits through an unknown state, and a promise that is none', async (id) => {
  await visit()
  const errors: Error[] = []
  at.page.on('pageerror', (error) => errors.push(error))
  expect(await solve(id)).toMatchObject({ solved: [{ solution: { token: '' } }] })
  expect(errors).toEqual([])
})

test('leaves an answer beyond the bound in its field, and throws nothing in the page', async () => {
  await visit()
  const errors: Error[] = []
  at.page.on('pageerror', (error) => errors.push(error))
  expect(await solve('long')).toMatchObject({ solved: [{ solution: { token: '' } }] })
  expect(errors).toEqual([])
})

test('a method that throws has started nothing', async () => {
  await visit()
  expect(await solve('throws')).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
})

test('clips what a page reports of a failure, to one line', async () => {
  await visit()
  const { failed } = await solve('says')
  expect(failed).toMatchObject([{ error: { code: 'WIDGET_FAILED' } }])
  const message = failed[0]?.error.message ?? ''
  expect(message).toContain('line one')
  expect(message.length).toBeLessThan(400)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
  expect(message).not.toMatch(/[\u0000-\u001f]/)
})

test('fails for a widget that needs a code from a picture, which a person has to read', async () => {
  await visit()
  expect(await solve('asks')).toMatchObject({
    failed: [{ error: { code: 'WIDGET_FAILED', message: expect.stringContaining('picture') } }],
  })
})

test('a page that hangs when its widget is started has its own error code', async () => {
  await visit()
  await at.page.evaluate(() => {
    Object.assign(document.getElementById('throws') ?? {}, {
      verify() {
        const until = Date.now() + 3_000
        while (Date.now() < until);
      },
    })
  })
  expect(await solve('throws')).toMatchObject({ failed: [{ error: { code: 'PAGE_UNRESPONSIVE' } }] })
})

test('of a thousand widgets lists fifty, and counts the others', async () => {
  await visit()
  await at.page.evaluate(() => {
    const box = '<div class="altcha" data-state="unverified">x</div>'
    document.body.innerHTML = `<altcha-widget>${box}</altcha-widget>`.repeat(1_200)
  })
  const found = await at.captcha.find(at.page)
  expect(found).toHaveLength(50)
  expect(found.omitted.widgets).toBe(1_150)
})

test.each([
  [undefined],
  [null],
  [5],
  ['{'],
  ['{"state":"done"}'],
  ['{"state":{}}'],
  ['[]'],
  [`{"state":"answered","token":"${'x'.repeat(1_000_001)}"}`],
])('does not parse an invalid reply: %j', (reply) => {
  expect(parseProofOfWork(reply)).toBeUndefined()
})

test('drops only the invalid parts of a reply', () => {
  expect(parseProofOfWork('{"state":"answered","token":"a\\nb","reason":5}')).toEqual({
    state: 'answered',
    token: '',
    reason: '',
  })
  expect(parseProofOfWork('{"state":"failed","token":"","reason":"no"}')).toEqual({
    state: 'failed',
    token: '',
    reason: 'no',
  })
  expect(parseProofOfWork('{"result":"widget-gone"}')).toBe('widget-gone')
})

test.each([
  ['altcha', 'altcha-widget challenge="/challenge"', '/altcha.min.js'],
  ['cap', 'cap-widget data-cap-api-endpoint="/cap/"', '/@cap.js/widget'],
])('%s: says that the page could not load its script', async (family, element, script) => {
  await at.guard()
  await at.open('/tiny')
  await at.page.route(`**${script}`, (route) => route.abort('blockedbyclient'))
  await at.page.evaluate(
    `document.body.innerHTML = ${JSON.stringify(`<form><${element}></${element.split(' ')[0]}></form>`)}
    document.body.append(Object.assign(document.createElement('script'), { src: ${JSON.stringify(script)} })); 0`,
  )
  await eventually(async () => (await at.find())[0]?.blocked === true)
  expect(await at.find()).toMatchObject([{ family, blocked: true, due: false, answered: false }])
  expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'script-blocked' }] })
  // A second copy of it may have been loaded.
  await at.page.evaluate(`customElements.define('${element.split(' ')[0]}', class extends HTMLElement {})`)
  expect((await at.find())[0]?.blocked).toBe(undefined)
})
