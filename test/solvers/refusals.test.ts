import { describe, expect, it } from 'vitest'
import { antiCaptcha, capMonster, capSolver, captchaAI, twoCaptcha } from '../../src/solvers/index.js'
import type { Failure, Solver } from '../../src/solvers/solver.js'
import { expectSound, ok } from './contract.js'

const FORM: [string, Solver][] = [
  ['captchaai', captchaAI()],
  ['twocaptcha v1', twoCaptcha({ api: 'v1' })],
]
const TASKS: [string, Solver][] = [
  ['twocaptcha', twoCaptcha()],
  ['anticaptcha', antiCaptcha()],
  ['capmonster', capMonster()],
  ['capsolver', capSolver()],
]

const submit = (solver: Solver, body: object): Failure => {
  const failure = solver.readSubmit(ok(JSON.stringify(body)), 'recaptcha') as Failure
  expectSound(failure)
  return failure
}

const CODES = ['ERROR_GOOGLEKEY', 'ERROR_NO_SLOT_AVAILABLE', 'ERROR_KEY_DOES_NOT_EXIST', 'ERROR_OF_TOMORROW']

describe('a submit whose error contradicts itself may have been accepted:', () => {
  it.each(FORM)('%s, by its status', (_, solver) => {
    for (const request of CODES) {
      expect(submit(solver, { status: 0, request }).ambiguous).toBe(false)
      expect(submit(solver, { status: 1, request }).ambiguous).toBe(true)
      expect(submit(solver, { request }).ambiguous).toBe(true)
    }
  })

  it.each(FORM)('%s, by naming a task', (_, solver) => {
    for (const request of CODES) {
      for (const task of [{ taskId: 7 }, { task_id: '71234567' }, { id: '61138bb6-19fb-11ec' }]) {
        expect(submit(solver, { status: 0, request, ...task }).ambiguous).toBe(true)
      }
      expect(submit(solver, { status: 0, request, id: '', taskId: null }).ambiguous).toBe(false)
    }
  })

  it.each(TASKS)('%s, by its errorId', (_, solver) => {
    for (const errorCode of CODES) {
      for (const taskId of [undefined, null, 0, '']) {
        expect(submit(solver, { errorId: 1, errorCode, taskId }).ambiguous).toBe(false)
      }
      expect(submit(solver, { errorId: 0, errorCode }).ambiguous).toBe(true)
      expect(submit(solver, { errorCode }).ambiguous).toBe(true)
    }
  })

  it.each(TASKS)('%s, by naming a task in another field, or by an answer beside the error', (_, solver) => {
    for (const errorCode of CODES) {
      const error = { errorId: 1, errorCode }
      for (const more of [{ task_id: '71234567' }, { id: 7 }, { solution: { token: 'abc' } }, { cost: '0.003' }]) {
        expect(submit(solver, { ...error, ...more }).ambiguous).toBe(true)
      }
      const empty = { task_id: null, id: '', solution: null, cost: '0.00000', status: 'failed' }
      expect(submit(solver, { ...error, ...empty }).ambiguous).toBe(false)
      expect(submit(solver, { ...error, solution: { token: null, text: '' }, cost: 0 }).ambiguous).toBe(false)
    }
  })

  it.each(TASKS)('%s, by naming a task, which then counts as charged', (_, solver) => {
    for (const taskId of [7, '61138bb6-19fb-11ec-a9c8-0242ac110006']) {
      for (const errorCode of CODES.slice(0, 3)) {
        expect(submit(solver, { errorId: 1, errorCode, taskId }).ambiguous).toBe(true)
      }
      const unknown = submit(solver, { errorId: 1, errorCode: 'ERROR_OF_TOMORROW', taskId })
      expect(unknown).toMatchObject({ class: 'unknown', charged: true })
      // The task has ended: the service charges nothing for it.
      const ended = submit(solver, { errorId: 1, errorCode: 'ERROR_CAPTCHA_UNSOLVABLE', taskId })
      expect(ended).toMatchObject({ class: 'unsolvable', charged: false, ambiguous: false })
    }
  })
})

describe('a poll whose error contradicts itself counts as charged, although such an error is free:', () => {
  const FREE = ['ERROR_CAPTCHA_UNSOLVABLE', 'ERROR_PROXY_BANNED', 'ERROR_GOOGLEKEY']
  const poll = (solver: Solver, body: object) => solver.readPoll(ok(JSON.stringify(body)), 'recaptcha') as Failure

  it.each(FORM)('%s', (_, solver) => {
    for (const request of FREE) {
      expect(poll(solver, { status: 0, request, id: 7, price: '0' })).toMatchObject({ code: request, charged: false })
      for (const body of [
        { status: 1, request },
        { request },
        { status: 0, request, price: '0.003' },
        { status: 0, request, result: 'a-token' },
      ]) {
        expect(poll(solver, body)).toMatchObject({ code: request, charged: true })
      }
    }
  })

  it.each(TASKS)('%s', (_, solver) => {
    for (const errorCode of FREE) {
      const error = { errorId: 1, errorCode }
      for (const empty of [
        {},
        { taskId: 7, status: 'ready', solution: null, cost: 0 },
        { solution: { token: null } },
      ]) {
        expect(poll(solver, { ...error, ...empty })).toMatchObject({ code: errorCode, charged: false })
      }
      for (const body of [
        { ...error, solution: { gRecaptchaResponse: 'a-token' }, status: 'ready' },
        { ...error, cost: '0.00299' },
        { ...error, errorId: 0 },
        { errorCode },
      ]) {
        expect(poll(solver, body)).toMatchObject({ code: errorCode, charged: true })
      }
    }
  })
})

describe('the sentence of a service about an error is kept', () => {
  const describedBy = (solver: Solver, errorDescription: unknown): string =>
    submit(solver, { errorId: 1, errorCode: 'ERROR_INVALID_TASK_DATA', errorDescription }).message

  it.each(TASKS)('by %s: for a known error, and for an unknown one', (_, solver) => {
    const sentence = 'the website is currently under maintenance'
    expect(describedBy(solver, `${sentence}.`)).toContain(`(ERROR_INVALID_TASK_DATA: ${sentence}).`)
    const unknown = submit(solver, { errorId: 1, errorCode: 'ERROR_OF_TOMORROW', errorDescription: sentence })
    expect(unknown.message).toContain(`ERROR_OF_TOMORROW: ${sentence}.`)
    const reply = ok(JSON.stringify({ errorId: 1, errorCode: 'ERROR_INVALID_TASK_DATA', errorDescription: sentence }))
    expect(solver.readPoll(reply, 'recaptcha')).toMatchObject({ message: expect.stringContaining(sentence) })
  })

  it.each(FORM)('by %s', (_, solver) => {
    const { message } = submit(solver, { status: 0, request: 'ERROR_BAD_PARAMETERS', error_text: 'no such action' })
    expect(message).toContain('(ERROR_BAD_PARAMETERS: no such action).')
  })

  it.each([undefined, null, 7, {}, '', ' ', 'ERROR_INVALID_TASK_DATA', '...'])('unless it is %o', (description) => {
    expect(describedBy(capSolver(), description)).toMatch(/ \(ERROR_INVALID_TASK_DATA\)\.$/)
  })

  it('short and printable, without addresses and long words', () => {
    const message = describedBy(
      capSolver(),
      `\u001b[31mbad\u202e page https://staging.example.com/login?session=s3cret with ${'T0ken'.repeat(20)}, sorry ${'x '.repeat(5_000)}`,
    )
    expect(message).toContain('page … with … sorry')
    for (const bad of ['\u001b', '\u202e', 's3cret', 'T0ken']) expect(message).not.toContain(bad)
    expect(message.length).toBeLessThanOrEqual(300)
  })
})
