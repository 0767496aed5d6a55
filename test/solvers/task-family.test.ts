import { describe, expect, test } from 'vitest'
import type { Capabilities } from '../../src/solvers/capabilities.js'
import type { ReplyRules } from '../../src/solvers/reply.js'
import { taskCall, taskId, taskReaders } from '../../src/solvers/task-family.js'
import { ok } from './contract.js'

const RULES: ReplyRules = { errors: {}, unreadableRetryMs: 1, serverErrorRetryMs: 2, usesReportedPrices: true }
const CAPABILITIES: Capabilities = {
  image: { variants: ['text'], fields: () => ({}), answer: ({ text }) => ({ token: `read ${String(text)}` }) },
}
const { readSubmit, readPoll, readBalance } = taskReaders(RULES, CAPABILITIES)
const json = (value: unknown) => ok(JSON.stringify(value))
const ready = (more: object = {}) => ({ errorId: 0, status: 'ready', solution: { token: 't' }, ...more })
const unreadable = { kind: 'failure', code: 'UNREADABLE' }

test('a call is JSON, with its key as clientKey', () => {
  expect(taskCall('/createTask', { a: 1 })).toEqual({
    path: '/createTask',
    encoding: 'json',
    keyField: 'clientKey',
    fields: { a: 1 },
  })
})

test('a task’s id is a number again where it was one', () => {
  expect(['7', '10', '9007199254740991'].map(taskId)).toEqual([7, 10, 9_007_199_254_740_991])
  for (const id of ['0', '07', '-7', '7a', 'a7', '1.5', '9007199254740993', '', 'f81d4fae-7dec'])
    expect(taskId(id)).toBe(id)
})

describe('a submit of the task family', () => {
  test.each([
    [7, '7'],
    [1, '1'],
    [9_007_199_254_740_991, '9007199254740991'],
    ['f81d4fae-7DEC', 'f81d4fae-7DEC'],
    ['x'.repeat(64), 'x'.repeat(64)],
  ])('has the task’s id %j', (id, taskId) => {
    expect(readSubmit(json({ errorId: 0, taskId: id }))).toEqual({ kind: 'submitted', taskId })
  })

  test.each([
    '"taskId":0',
    '"taskId":-7',
    '"taskId":7.5',
    '"taskId":9007199254740993',
    '"taskId":""',
    '"taskId":"a b"',
    '"taskId":" a"',
    '"taskId":"a/"',
    `"taskId":"${'x'.repeat(65)}"`,
    '"taskId":null',
    '"taskId":["7"]',
    '"status":"idle"',
  ])('leaves it in doubt with %s', (fields) => {
    expect(readSubmit(ok(`{"errorId":0,${fields}}`))).toMatchObject({ ...unreadable, ambiguous: true })
  })

  test('has the answer that some services give at once, where it is read by a family', () => {
    const reply = json(ready({ taskId: 7, cost: '0.001' }))
    expect(readSubmit(reply, 'recaptcha')).toEqual({
      kind: 'submitted',
      taskId: '7',
      ready: { kind: 'ready', answer: { token: 't' }, cost: 1_000 },
    })
    const submitted = { kind: 'submitted', taskId: '7' }
    expect(readSubmit(reply)).toEqual(submitted)
    expect(readSubmit(json(ready({ taskId: 7, status: 'processing' })), 'recaptcha')).toEqual(submitted)
    expect(readSubmit(json(ready({ taskId: 7, solution: { token: '' } })), 'recaptcha')).toEqual(submitted)
    expect(readSubmit(json({ errorId: 0, taskId: 7, status: 'processing' }))).toEqual(submitted)
  })
})

describe('an error in reply to a submit of the task family', () => {
  test.each([
    [{ errorId: 1, errorCode: 'ERROR_X' }, [false, false]],
    // Which error it is cannot be looked up.
    [{ errorId: 1 }, [false, true]],
    [{ errorId: 1, errorCode: '' }, [false, true]],
    [{ errorId: 1, errorCode: { code: 'ERROR_X' } }, [false, true]],
    [{ errorId: 1, errorCode: ['ERROR_X'] }, [false, true]],
    [{ errorId: 0.5, errorCode: 'ERROR_X' }, [false, true]],
    [{ errorId: 1e300, errorCode: 'ERROR_X' }, [false, true]],
    [{ errorId: 0, errorCode: 'ERROR_X' }, [false, true]],
    [{ errorCode: 'ERROR_X' }, [false, true]],
    [{ errorId: '1', errorCode: 'ERROR_X' }, [false, true]],
    // It has the task: the answer is charged, and not in doubt.
    [{ errorId: 1, errorCode: 'ERROR_X', taskId: 7 }, [true, false]],
    [{ errorId: 1, taskId: 'a-7' }, [true, false]],
    [{ errorId: 1, errorCode: 'ERROR_X', taskId: 0 }, [false, false]],
  ])('%j is charged, or leaves it in doubt: %j', (body, outcome) => {
    const failure = readSubmit(json(body))
    expect(failure).toMatchObject({ kind: 'failure', class: 'unknown' })
    expect('charged' in failure && [failure.charged, failure.ambiguous]).toEqual(outcome)
  })
})

describe('a poll of the task family', () => {
  test('has the answer, by the reader of its family or else as one token', () => {
    expect(readPoll(json(ready()), 'recaptcha')).toEqual({ kind: 'ready', answer: { token: 't' } })
    expect(readPoll(json(ready({ solution: { text: 'x' } })), 'image')).toEqual({
      kind: 'ready',
      answer: { token: 'read x' },
    })
    const solution = { gRecaptchaResponse: 'g', token: 't', userAgent: 'A/1', respKey: 'k' }
    expect(readPoll(json(ready({ solution })), 'hcaptcha')).toEqual({
      kind: 'ready',
      answer: { token: 'g', fields: { userAgent: 'A/1', respKey: 'k' } },
    })
  })

  test.each([
    { solution: null },
    { solution: 't' },
    { solution: undefined },
    { solution: {} },
    { status: 'done' },
    { status: undefined },
    { errorId: '0' },
    { errorId: undefined },
  ])('cannot be read with %j', (more) => {
    expect(readPoll(json(ready(more)), 'recaptcha')).toMatchObject({ ...unreadable, charged: true })
  })

  test.each(['', 'x', '[]', 'null', '7', 'true', '"x"', '{', ' x{"errorId":0}', '{"errorId":0,"status":"ready"'])(
    'cannot be read from %j',
    (body) => {
      expect(readPoll(ok(body), 'recaptcha')).toMatchObject({ kind: 'failure', class: 'invalid' })
    },
  )

  test.each([
    { errorId: 0, status: 'processing' },
    { errorId: 0, status: 'idle' },
    { errorId: 1, errorCode: 'CAPTCHA_NOT_READY' },
    { errorId: 1, errorCode: 'CAPCHA_NOT_READY' },
    { errorId: 1, errorCode: 'ERROR_CAPTCHA_NOT_READY' },
  ])('is not ready with %j', (body) => {
    expect(readPoll(json(body), 'recaptcha')).toEqual({ kind: 'pending' })
  })

  test.each([
    [{ errorId: 1, errorCode: 'ERROR_X' }, 'ERROR_X'],
    [{ errorId: 0, errorCode: 'ERROR_X', status: 'ready', solution: { token: 't' } }, 'ERROR_X'],
    [{ errorCode: 'ERROR_X' }, 'ERROR_X'],
    [{ errorId: 1, errorCode: 'x CAPTCHA_NOT_READY' }, 'x CAPTCHA_NOT_READY'],
    [{ errorId: 1, errorCode: 'CAPTCHA_NOT_READY x' }, 'CAPTCHA_NOT_READY x'],
    [{ errorId: 12 }, 'ERROR_ID_12'],
    [{ errorId: 1, errorCode: '' }, 'ERROR_ID_1'],
    [{ errorId: 1, errorCode: 7 }, 'ERROR_ID_1'],
  ])('fails by the code in %j', (body, code) => {
    expect(readPoll(json(body), 'recaptcha')).toMatchObject({ kind: 'failure', code })
  })

  test('has the service’s own sentence about an error', () => {
    for (const body of [
      { errorId: 1, errorCode: 'ERROR_X', errorDescription: 'No such thing.' },
      { errorId: 1, errorDescription: 'No such thing.' },
    ])
      expect(readPoll(json(body), 'recaptcha')).toHaveProperty('message', expect.stringMatching(/: No such thing\.$/))
  })

  test('has what it cost, where the service’s prices count', () => {
    const reply = json(ready({ cost: 0.00299 }))
    expect(readPoll(reply, 'recaptcha')).toMatchObject({ cost: 2_990 })
    expect(readPoll(json(ready({ cost: 'free' })), 'recaptcha')).not.toHaveProperty('cost')
    const byThread = taskReaders({ ...RULES, usesReportedPrices: false }, CAPABILITIES)
    expect(byThread.readPoll(reply, 'recaptcha')).not.toHaveProperty('cost')
  })

  test('has how long it took, where the two times are plausible', () => {
    const took = (createTime: unknown, endTime: unknown) => {
      const result = readPoll(json(ready({ createTime, endTime })), 'recaptcha')
      return 'tookMs' in result ? result.tookMs : 'none'
    }
    expect(took(1_700_000_000, 1_700_000_012)).toBe(12_000)
    expect(took(5, 5)).toBe(0)
    expect(took(5, 3_605)).toBe(3_600_000)
    for (const [from, to] of [
      [5, 3_606],
      [5, 4],
      ['5', 6],
      [5, '6'],
      [undefined, 6],
      [5, undefined],
    ])
      expect(took(from, to)).toBe('none')
  })
})

test('a balance of the task family is read from `balance`', () => {
  expect(readBalance(json({ errorId: 0, balance: 2.5 }))).toEqual({ kind: 'balance', amount: 2_500_000 })
  expect(readBalance(json({ errorId: 0, balance: '2.5', status: 'idle' }))).toMatchObject({ kind: 'balance' })
  for (const body of [{ errorId: 0 }, { errorId: 0, balance: 'much' }])
    expect(readBalance(json(body))).toMatchObject({ ...unreadable, charged: false, ambiguous: false })
})
