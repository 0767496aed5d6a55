import { describe, expect, test } from 'vitest'
import type { Capabilities } from '../../src/solvers/capabilities.js'
import { formBatchPoll, formCall, formReaders, formThreadsInfo } from '../../src/solvers/form-family.js'
import { type ReplyRules, textOf } from '../../src/solvers/reply.js'
import { ok } from './contract.js'

const RULES: ReplyRules = { errors: {}, unreadableRetryMs: 1, serverErrorRetryMs: 2, usesReportedPrices: true }
const CAPABILITIES: Capabilities = {
  image: { variants: ['text'], fields: () => ({}), answer: ({ request }) => ({ token: `read ${String(request)}` }) },
  bls: { variants: ['grid'], fields: () => ({}), answer: () => undefined },
}
const { readSubmit, readPoll, readBalance } = formReaders(RULES, CAPABILITIES)
const json = (value: unknown) => ok(JSON.stringify(value))
const unreadable = { kind: 'failure', code: 'UNREADABLE' }

test('a call asks for JSON, and does not change the fields that it was made from', () => {
  const fields = { action: 'get', json: '0' }
  expect(formCall('/res.php', fields)).toEqual({
    path: '/res.php',
    encoding: 'form',
    keyField: 'key',
    fields: { action: 'get', json: '1' },
  })
  expect(fields.json).toBe('0')
})

describe('a submit of the form family', () => {
  test.each([
    ['OK|74238956102', '74238956102'],
    ['{"status":1,"request":"a-Z9"}', 'a-Z9'],
    ['{"status":"1","request":"7"}', '7'],
    ['{"status":1,"request":9007199254740991}', '9007199254740991'],
    [`OK|${'x'.repeat(64)}`, 'x'.repeat(64)],
  ])('has the task’s id in %s', (body, taskId) => {
    expect(readSubmit(ok(body))).toEqual({ kind: 'submitted', taskId })
  })

  test.each([
    'OK|',
    'OK|a b',
    'OK| 7',
    'OK|7/',
    'OK|7.5',
    `OK|${'x'.repeat(65)}`,
    'xOK|7',
    '7',
    'OK7',
    '{"status":1,"request":9007199254740993}',
    '{"status":1,"request":7.5}',
    '{"status":1,"request":1e999}',
    '{"status":1,"request":""}',
    '{"status":1}',
    '{"status":1,"request":null}',
    '{"status":1,"request":["7"]}',
    '{"status":true,"request":"7"}',
    '{"status":2,"request":"7"}',
    '{"request":"7"}',
    '{"status":1,"request":"7"',
    '{}',
    'CAPCHA_NOT_READY',
  ])('leaves it in doubt with %s', (body) => {
    expect(readSubmit(ok(body))).toMatchObject({ ...unreadable, ambiguous: true })
  })
})

describe('a poll of the form family', () => {
  test('has the answer, by the reader of its family or else as one token', () => {
    expect(readPoll(ok('OK|t'), 'recaptcha')).toEqual({ kind: 'ready', answer: { token: 't' } })
    expect(readPoll(json({ status: 1, request: 'x' }), 'image')).toEqual({
      kind: 'ready',
      answer: { token: 'read x' },
    })
    expect(readPoll(json({ status: 1, request: 'x' }), 'bls')).toMatchObject(unreadable)
    expect(readPoll(json({ status: 1, request: { a: 1 } }), 'image')).toMatchObject({ kind: 'ready' })
    expect(readPoll(json({ status: 1, request: { a: 1 } }), 'recaptcha')).toMatchObject(unreadable)
    for (const request of [null, true, undefined])
      expect(readPoll(json({ status: 1, request }), 'image')).toMatchObject(unreadable)
    expect(readPoll(json({ status: 1, request: 5 }), 'recaptcha')).toEqual({ kind: 'ready', answer: { token: '5' } })
    expect(readPoll(ok('OK|a b'), 'recaptcha')).toMatchObject({ ...unreadable, charged: true })
  })

  test('has the token in `request`, else in `result`, with what belongs to it', () => {
    const more = { useragent: 'A/1', user_agent: 'B/2', respKey: 'k' }
    expect(readPoll(json({ status: 1, request: 't', result: 'r', ...more }), 'hcaptcha')).toEqual({
      kind: 'ready',
      answer: { token: 't', fields: { userAgent: 'A/1', respKey: 'k' } },
    })
    expect(readPoll(json({ status: 1, result: 'r', user_agent: 'B/2' }), 'hcaptcha')).toEqual({
      kind: 'ready',
      answer: { token: 'r', fields: { userAgent: 'B/2' } },
    })
  })

  test('has what it cost, where the service’s prices count', () => {
    const reply = json({ status: 1, request: 't', price: '0.00299' })
    expect(readPoll(reply, 'recaptcha')).toEqual({ kind: 'ready', answer: { token: 't' }, cost: 2_990 })
    expect(readPoll(json({ status: 1, request: 't', price: 'free' }), 'recaptcha')).not.toHaveProperty('cost')
    const byThread = formReaders({ ...RULES, usesReportedPrices: false }, CAPABILITIES)
    expect(byThread.readPoll(reply, 'recaptcha')).toEqual({ kind: 'ready', answer: { token: 't' } })
  })

  test.each(['CAPCHA_NOT_READY', 'CAPTCHA_NOT_READY', '{"status":0,"request":"CAPCHA_NOT_READY"}'])(
    'is not ready with %s',
    (body) => {
      expect(readPoll(ok(body), 'recaptcha')).toEqual({ kind: 'pending' })
    },
  )

  test.each([
    ['ERROR_WRONG_USER_KEY', 'ERROR_WRONG_USER_KEY'],
    ['ERR_PROXY_CONNECTION_FAILED', 'ERR_PROXY_CONNECTION_FAILED'],
    ['WRONG_CAPTCHA_ID', 'WRONG_CAPTCHA_ID'],
    ['IP_BANNED', 'IP_BANNED'],
    ['MAX_USER_TURN', 'MAX_USER_TURN'],
    ['TOO_MANY_X', 'TOO_MANY_X'],
    ['CAPTCHA_X', 'CAPTCHA_X'],
    ['CAPCHA_X', 'CAPCHA_X'],
    ['CAPCHA_NOT_READY_X', 'CAPCHA_NOT_READY_X'],
    ['ERROR_CAPCHA_NOT_READY', 'ERROR_CAPCHA_NOT_READY'],
    ['{"status":0,"request":"whatever"}', 'whatever'],
    ['{"status":"0","request":"whatever"}', 'whatever'],
    ['{"status":0,"request":7}', '7'],
    ['{"status":1,"request":"ERROR_X"}', 'ERROR_X'],
  ])('fails by the code in %s', (body, code) => {
    expect(readPoll(ok(body), 'recaptcha')).toMatchObject({ kind: 'failure', code })
  })

  test.each(['an ERROR_X', '{"status":0}', '{"status":0,"request":""}', '{"status":0,"request":{}}', 'x', '5'])(
    'cannot be read with %s',
    (body) => {
      expect(readPoll(ok(body), 'recaptcha')).toMatchObject(unreadable)
    },
  )
})

describe('an error of the form family', () => {
  test.each([
    ['ERROR_X', false],
    ['{"status":0,"request":"ERROR_X"}', false],
    ['{"status":"0","request":"ERROR_X"}', false],
    ['{"status":1,"request":"ERROR_X"}', true],
    ['{"request":"ERROR_X"}', true],
  ])('%s leaves a submit in doubt where its status is another: %s', (body, ambiguous) => {
    expect(readSubmit(ok(body))).toMatchObject({ class: 'unknown', code: 'ERROR_X', ambiguous })
  })

  test('has its own sentence in the message', () => {
    const failure = readSubmit(json({ status: 0, request: 'ERROR_X', error_text: 'No such thing.' }))
    expect(failure).toHaveProperty('message', expect.stringMatching(/ERROR_X: No such thing\.$/))
    expect(readSubmit(json({ status: 0, request: 'ERROR_X' }))).toHaveProperty(
      'message',
      expect.stringMatching(/table: ERROR_X\.$/),
    )
  })
})

describe('the threads of an account', () => {
  const { call, read, endedMessage } = formThreadsInfo(RULES, 'The plan has ended.')

  test('are asked for with a message for a plan that has ended', () => {
    expect(endedMessage).toBe('The plan has ended.')
    expect(call()).toEqual(formCall('/res.php', { action: 'threadsinfo' }))
  })

  test('are two counts', () => {
    expect(read(json({ threads: 5, working_threads: 2 }))).toEqual({ kind: 'threads', total: 5, busy: 2 })
    expect(read(json({ status: 1, threads: '0', working_threads: '123456789' }))).toEqual({
      kind: 'threads',
      total: 0,
      busy: 123_456_789,
    })
    for (const [threads, working_threads] of [
      [5, undefined],
      [undefined, 2],
      [-1, 2],
      [1.5, 2],
      ['x1', 2],
      ['1x', 2],
      ['', 2],
      ['1234567890', 2],
      [[5], 2],
    ])
      expect(read(json({ threads, working_threads }))).toMatchObject({ ...unreadable, charged: false })
    for (const body of ['', '5', 'null', '{', 'OK|5', 'CAPCHA_NOT_READY'])
      expect(read(ok(body))).toMatchObject({ kind: 'failure', class: 'invalid' })
    expect(read(ok('ERROR_WRONG_USER_KEY'))).toMatchObject({ kind: 'failure', class: 'key' })
  })
})

describe('a balance of the form family', () => {
  test.each(['2.5', 'OK|2.5', '{"status":1,"request":"2.5"}', '{"status":1,"request":2.5}'])(
    'is read from %s',
    (body) => {
      expect(readBalance(ok(body))).toEqual({ kind: 'balance', amount: 2_500_000 })
    },
  )

  test.each(['OK|much', '{"status":1,"request":"much"}', 'much', '{"status":1,"request":{"balance":1}}'])(
    'cannot be read from %s',
    (body) => {
      expect(readBalance(ok(body))).toMatchObject({ ...unreadable, charged: false, ambiguous: false })
    },
  )
})

describe('a batch of polls', () => {
  const batch = formBatchPoll(RULES, CAPABILITIES, { max: 3, families: ['recaptcha', 'image'] })
  const read = (body: string, ...families: ('recaptcha' | 'image' | 'bls')[]) => batch.read(ok(body), families)

  test('is one call with the ids', () => {
    expect(batch).toMatchObject({ max: 3, families: ['recaptcha', 'image'] })
    expect(batch.poll(['1', '2'])).toEqual({
      path: '/res.php',
      encoding: 'form',
      keyField: 'key',
      fields: { action: 'get', ids: '1,2' },
    })
  })

  test('has one result for each task, by its family', () => {
    expect(
      read(
        'OK|t|CAPTCHA_NOT_READY|ERROR_CAPTCHA_UNSOLVABLE|x|y',
        'recaptcha',
        'recaptcha',
        'recaptcha',
        'image',
        'bls',
      ),
    ).toEqual({
      kind: 'batch',
      results: [
        { kind: 'ready', answer: { token: 't' } },
        { kind: 'pending' },
        expect.objectContaining({ kind: 'failure', class: 'unsolvable', charged: false }),
        { kind: 'ready', answer: { token: 'read x' } },
        expect.objectContaining(unreadable),
      ],
    })
    expect(read('a b|ERROR_OF_TOMORROW', 'recaptcha', 'recaptcha')).toMatchObject({
      results: [
        { ...unreadable, charged: true },
        { class: 'unknown', charged: true },
      ],
    })
  })

  test('that is not ready as a whole, is not ready for each task', () => {
    for (const body of ['CAPCHA_NOT_READY', '{"status":0,"request":"CAPCHA_NOT_READY"}']) {
      expect(read(body, 'recaptcha', 'recaptcha')).toEqual({
        kind: 'batch',
        results: [{ kind: 'pending' }, { kind: 'pending' }],
      })
    }
  })

  test('fails as a whole where it has one error for all, or another number of parts', () => {
    for (const body of ['ERROR_WRONG_USER_KEY', '{"status":0,"request":"ERROR_WRONG_USER_KEY"}'])
      expect(read(body, 'recaptcha', 'recaptcha')).toMatchObject({ kind: 'failure', class: 'key' })
    for (const body of ['a|b|c', 'a', 'OK|a', 'ERROR_X|ERROR_Y|c', 'x ERROR_X', '{"status":1,"request":"a|b"}', '{'])
      expect(read(body, 'recaptcha', 'recaptcha')).toMatchObject(unreadable)
    // `OK|` is removed at the beginning only.
    expect(read('a|OK|b', 'recaptcha', 'recaptcha', 'recaptcha')).toMatchObject({ kind: 'batch' })
  })
})

test('a text is a string, or a number that is one', () => {
  expect(['', 'x', 0, -1.5].map(textOf)).toEqual(['', 'x', '0', '-1.5'])
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, null, undefined, true, ['x'], {}])
    expect(textOf(value)).toBeUndefined()
})
