import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Solver } from '../../src/solvers/solver.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { GEETEST, GEETEST_V4, ok } from './contract.js'

const { sitekey: gt, challenge, pageUrl } = GEETEST
const server = 'api-na.geetest.com'
const captchaId = GEETEST_V4.sitekey

const form = { gt, challenge, pageurl: pageUrl, method: 'geetest', json: '1' }
const task = { gt, challenge, websiteURL: pageUrl }
const taskV4 = { gt: captchaId, version: 4, initParameters: { captcha_id: captchaId }, websiteURL: pageUrl }

const made = (name: string): Solver => {
  const make = name === 'twocaptcha v1' ? () => twoCaptcha({ api: 'v1' }) : SOLVERS[name]
  if (!make) throw new Error(name)
  return make()
}

/** What each service gets for a v3, for one with its own server, and for a v4. */
test.each<[string, object, object, object]>([
  [
    'captchaai',
    form,
    { api_server: server },
    { method: 'geetest', gt: captchaId, version: '4', pageurl: pageUrl, json: '1' },
  ],
  [
    'twocaptcha v1',
    form,
    { api_server: server },
    { method: 'geetest_v4', captcha_id: captchaId, pageurl: pageUrl, json: '1' },
  ],
  [
    'twocaptcha',
    { ...task, type: 'GeeTestTaskProxyless' },
    { geetestApiServerSubdomain: server },
    { ...taskV4, type: 'GeeTestTaskProxyless' },
  ],
  [
    'anticaptcha',
    { ...task, type: 'GeeTestTaskProxyless' },
    { geetestApiServerSubdomain: server },
    { ...taskV4, type: 'GeeTestTaskProxyless' },
  ],
  [
    'capmonster',
    { ...task, type: 'GeeTestTask' },
    { geetestApiServerSubdomain: server },
    { ...taskV4, type: 'GeeTestTask' },
  ],
  [
    'capsolver',
    { ...task, type: 'GeeTestTaskProxyLess' },
    { geetestApiServerSubdomain: server },
    { captchaId, websiteURL: pageUrl, type: 'GeeTestTaskProxyLess' },
  ],
])('%s submits a GeeTest', (name, v3, withServer, v4) => {
  const fieldsOf = (challenge: typeof GEETEST) => {
    const { fields } = made(name).submit(challenge)
    return 'task' in fields ? fields.task : fields
  }
  expect(fieldsOf(GEETEST)).toEqual(v3)
  expect(fieldsOf({ ...GEETEST, apiHost: server })).toEqual({ ...v3, ...withServer })
  expect(fieldsOf(GEETEST_V4)).toEqual(v4)
})

const V3 = { geetest_challenge: `${challenge}k1`, geetest_validate: 'abc', geetest_seccode: 'abc|jordan' }
const V4 = { captcha_id: captchaId, lot_number: 'l', pass_token: 'p', gen_time: '1693924478', captcha_output: 'aB+/=' }
const bare = { challenge: V3.geetest_challenge, validate: 'abc', seccode: 'abc|jordan' }
const words = (values: object) =>
  Object.entries(values)
    .map((pair) => pair.join(':'))
    .join(',')

describe('a GeeTest answer is read', () => {
  const inForm = (request: unknown) => ok(JSON.stringify({ status: 1, request }))
  const inTask = (solution: unknown) => ok(JSON.stringify({ errorId: 0, status: 'ready', solution }))
  const { readPoll } = made('captchaai')
  const tasks = made('capmonster')

  test.each<[string, ReturnType<typeof ok>]>([
    ['in words', inForm(words(bare))],
    ['in plain words', ok(`OK|${words(bare)}`)],
    ['in words with the vendor’s names', inForm(words(V3))],
    ['as an object', inForm(V3)],
    ['as an object with short names', inForm(bare)],
    ['as the text of an object', inForm(JSON.stringify(V3))],
    ['as the plain text of an object', ok(`OK|${JSON.stringify(V3)}`)],
  ])('of v3 %s', (_, reply) => {
    expect(readPoll(reply, 'geetest')).toEqual({ kind: 'ready', answer: { token: 'abc', fields: V3 } })
  })

  test('of v4 in each form, its number as text', () => {
    const answer = { token: 'p', fields: V4 }
    const replies = [
      inForm(V4),
      inForm(JSON.stringify(V4)),
      inForm({ ...V4, gen_time: 1_693_924_478 }),
      ok(`OK|${words(V4)}`),
    ]
    for (const reply of replies) expect(readPoll(reply, 'geetest')).toEqual({ kind: 'ready', answer })
  })

  test('of both versions in the task family', () => {
    for (const solution of [bare, V3]) {
      expect(tasks.readPoll(inTask(solution), 'geetest')).toMatchObject({ answer: { token: 'abc', fields: V3 } })
    }
    expect(tasks.readPoll(inTask(V4), 'geetest')).toMatchObject({ answer: { token: 'p', fields: V4 } })
  })

  test('only if it is complete', () => {
    const { geetest_seccode: _, ...partly } = V3
    const odd = [
      'x',
      '',
      {},
      [],
      null,
      5,
      partly,
      words(partly),
      { ...V3, geetest_validate: 'a b' },
      { ...V3, geetest_seccode: '' },
    ]
    const long = { ...V4, captcha_output: 'x'.repeat(16_385) }
    for (const request of [...odd, long, { ...V4, gen_time: {} }, '{"a":', `{${'['.repeat(10_000)}`]) {
      expect(readPoll(inForm(request), 'geetest')).toMatchObject({ kind: 'failure', class: 'invalid' })
    }
  })

  test('and no other value throws or exceeds the bounds', () => {
    const value = fc.oneof(fc.constant('a'), fc.string(), fc.integer(), fc.anything())
    const names = [...Object.keys(V3), ...Object.keys(bare), ...Object.keys(V4)]
    const anything = fc.oneof(
      fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] }),
      fc
        .array(fc.constantFrom(...names, ':', ',', 'x', '|', '{', '"'), { maxLength: 40 })
        .map((parts) => parts.join('')),
      fc.json(),
    )
    fc.assert(
      fc.property(anything, (request) => {
        let text: string
        try {
          text = JSON.stringify({ status: 1, request })
        } catch {
          return
        }
        const read = readPoll(ok(text), 'geetest')
        if (read.kind !== 'ready') return
        const { fields = {} } = read.answer
        expect([Object.keys(V3), Object.keys(V4)]).toContainEqual(Object.keys(fields))
        for (const one of Object.values(fields)) expect(one).toMatch(/^[\x21-\x7e]{1,16384}$/)
      }),
    )
  })
})
