import { expect, test } from 'vitest'
import { startAltcha } from '../../src/testing/vendors/altcha/index.js'
import { parseProofOfWork } from '../../src/widgets/parse.js'
import type { FoundChallenge } from '../../src/widgets/widget.js'
import { stage } from './stage.js'

// Pages that lie about a proof of work. What real widgets do is in `npm/proof-of-work.test.ts`.

const at = stage('altcha', async (options) => {
  const altcha = await startAltcha(options)
  return { ...altcha, issue: () => '', setBehavior: () => altcha.setBehavior({}) }
})

/** Sets one of the page's widgets off, with what the grant is asked to do about it. */
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

test('odd endpoints and states are survived, and are due like others', async () => {
  await visit()
  const found = await at.find()
  expect(found).toHaveLength(6)
  for (const one of found) expect(one).toMatchObject({ family: 'altcha', sitekey: 'self-hosted', due: true })
})

test.each(['names', 'odd-promise'])(
  '%s: a state of another name, and a promise that is none, are waited out',
  async (id) => {
    await visit()
    const errors: Error[] = []
    at.page.on('pageerror', (error) => errors.push(error))
    expect(await solve(id)).toMatchObject({ solved: [{ solution: { token: '' } }] })
    expect(errors).toEqual([])
  },
)

test('an answer that is far too long is left in its field, and is no error of the page’s', async () => {
  await visit()
  const errors: Error[] = []
  at.page.on('pageerror', (error) => errors.push(error))
  expect(await solve('long')).toMatchObject({ solved: [{ solution: { token: '' } }] })
  expect(errors).toEqual([])
})

test('a method that throws has set off nothing', async () => {
  await visit()
  expect(await solve('throws')).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
})

test('what a page says of a failure is clipped, and of one line', async () => {
  await visit()
  const { failed } = await solve('says')
  expect(failed).toMatchObject([{ error: { code: 'WIDGET_FAILED' } }])
  const message = failed[0]?.error.message ?? ''
  expect(message).toContain('line one')
  expect(message.length).toBeLessThan(400)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
  expect(message).not.toMatch(/[\u0000-\u001f]/)
})

test('one that asks for a code is a person’s', async () => {
  await visit()
  expect(await solve('asks')).toMatchObject({
    failed: [{ error: { code: 'WIDGET_FAILED', message: expect.stringContaining('picture') } }],
  })
})

test('a page that hangs when it is set off has an error of its own', async () => {
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

test('a thousand of them: fifty are taken, the others counted', async () => {
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
])('a reply that makes no sense is none: %j', (reply) => {
  expect(parseProofOfWork(reply)).toBeUndefined()
})

test('odd parts of a reply are dropped by themselves', () => {
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
