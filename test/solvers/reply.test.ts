import { describe, expect, test } from 'vitest'
import { MAX_TOKEN_LENGTH } from '../../src/solvers/answers.js'
import { type CallKind, failureFor, type ReplyRules, readReply, unreadableReply } from '../../src/solvers/reply.js'
import { expectSound, ok } from './contract.js'

const RULES: ReplyRules = {
  errors: {
    ERROR_OWN: { class: 'request', message: 'The service says no', charged: ['turnstile'] },
    ERROR_INSIDE: { class: 'busy', message: 'The service failed.', retryAfterMs: 7, refuses: false },
    ERROR_REFUSED: { class: 'busy', message: 'The service refused.', refuses: true, charged: true },
    ERROR_PLAN: { class: 'balance', message: 'Version 1.0 of the plan. It has ended.', maybeEnded: true },
    ERROR_GIVEN_UP: { class: 'unsolvable', message: 'The service gave up.', charged: false },
    ERROR_ROUTE: { class: 'proxy', message: 'The service got no route.', charged: true },
  },
  unreadableRetryMs: 1_111,
  serverErrorRetryMs: 2_222,
  usesReportedPrices: true,
}
const KINDS: readonly CallKind[] = ['submit', 'poll', 'balance']
const SUCCESS = [200, 204, 299]
const OTHER = [100, 199, 300, 302, 399, 400, 404, 408, 428, 430, 499]
const SERVER = [500, 501, 503, 521, 599]
const GATEWAY = [502, 504, 520, 524]
const LONGEST = MAX_TOKEN_LENGTH + 16 * 1024

/** A whole error reply with this code. */
const errorOf = (code: string) => ({ kind: 'code', code, consistent: true, hasTask: false }) as const

/** Reads a reply of a wire in which `v` is a value, `p` means pending, and `c:` begins a code. */
function read(kind: CallKind, body: string, status = 200) {
  return readReply({ ...ok(body), status }, RULES, kind, (text) => {
    if (text === 'p') return { kind: 'pending' }
    if (text.startsWith('c:')) return errorOf(text.slice(2))
    return text.startsWith('v') ? { kind: 'value', value: text } : undefined
  })
}

/** A failure without a code of the service. */
const failure = (kind: CallKind, cls: 'busy' | 'invalid', code: string, message: unknown, ambiguous = true) => ({
  kind: 'failure',
  class: cls,
  code,
  message,
  retryAfterMs: cls === 'busy' ? 2_222 : 1_111,
  charged: kind === 'poll',
  ambiguous: kind === 'submit' && ambiguous,
})

describe.each(KINDS)('a reply to a %s', (kind) => {
  test('is its value only under a status of success', () => {
    for (const status of SUCCESS) expect(read(kind, ' v1\r\n', status)).toEqual({ kind: 'value', value: 'v1' })
    for (const status of [...OTHER, ...SERVER, ...GATEWAY]) {
      expect(read(kind, 'v1', status)).toEqual(
        failure(kind, 'invalid', `HTTP_${status}`, "The service's reply could not be read."),
      )
    }
  })

  test('is an error of the service under any status', () => {
    for (const status of [...SUCCESS, ...OTHER, 429, ...SERVER, ...GATEWAY]) {
      expect(read(kind, 'c:ERROR_WRONG_USER_KEY', status)).toMatchObject({ class: 'key', ambiguous: false })
    }
  })

  test('means “not ready” only where it answers a poll', () => {
    for (const status of [200, 404, 500, 502]) {
      expect(read(kind, 'p', status)).toEqual(
        kind === 'poll'
          ? { kind: 'pending' }
          : failure(kind, 'invalid', 'UNREADABLE', "The service's reply could not be read."),
      )
    }
  })

  test('is read as far as its bound, and not beyond', () => {
    const longest = `v${'x'.repeat(LONGEST - 1)}`
    expect(read(kind, longest)).toEqual({ kind: 'value', value: longest })
    expect(read(kind, `${longest}x`)).toEqual(
      failure(kind, 'invalid', 'TOO_LONG', "The service's reply is far too long."),
    )
    // Even a whole error: what is beyond the bound is not looked at.
    expect(read(kind, `c:ERROR_WRONG_USER_KEY${' '.repeat(LONGEST)}`)).toMatchObject({ code: 'TOO_LONG' })
  })

  test('without a meaning is named by what is known of it', () => {
    expect(read(kind, ' \n')).toEqual(failure(kind, 'invalid', 'EMPTY', "The service's reply is empty."))
    expect(read(kind, '<html>')).toEqual(failure(kind, 'invalid', 'HTML', 'The service answered with a web page.'))
    expect(read(kind, 'x<')).toEqual(failure(kind, 'invalid', 'UNREADABLE', "The service's reply could not be read."))
    for (const status of OTHER) {
      expect(read(kind, 'x', status)).toEqual(
        failure(
          kind,
          'invalid',
          `HTTP_${status}`,
          status < 400
            ? `The service answered with a redirect (HTTP ${status}), which is never followed.`
            : `The service answered with HTTP ${status} in place of a reply.`,
        ),
      )
    }
  })

  test('with an error of the server is to be retried, and says whether a gateway gave it', () => {
    for (const status of SERVER) {
      expect(read(kind, 'x', status)).toEqual(
        failure(kind, 'busy', `HTTP_${status}`, 'The service has an internal error.'),
      )
    }
    for (const status of GATEWAY) {
      expect(read(kind, 'x', status)).toEqual(
        failure(kind, 'busy', `HTTP_${status}`, 'A gateway got no answer from the service.'),
      )
    }
  })

  test('with 429 is a refusal, whatever its body, unless that is an error of the service', () => {
    for (const body of ['', 'v1', 'x', '<html>']) {
      expect(read(kind, body, 429)).toEqual(
        failure(kind, 'busy', 'HTTP_429', 'The service reports too many calls in a short time.', false),
      )
    }
  })
})

describe('an error of the service', () => {
  test('has the class, the wait and the message of its rule, and its code', () => {
    expect(failureFor(errorOf('ERROR_OWN'), RULES, 'submit')).toEqual({
      kind: 'failure',
      class: 'request',
      code: 'ERROR_OWN',
      message: 'The service says no (ERROR_OWN).',
      charged: false,
      ambiguous: false,
    })
    expect(failureFor(errorOf('ERROR_INSIDE'), RULES, 'submit')).toEqual({
      kind: 'failure',
      class: 'busy',
      code: 'ERROR_INSIDE',
      message: 'The service failed (ERROR_INSIDE).',
      retryAfterMs: 7,
      charged: false,
      ambiguous: true,
    })
  })

  test('leaves a submit in doubt only where its rule does not refuse', () => {
    for (const kind of KINDS) {
      expect(failureFor(errorOf('ERROR_INSIDE'), RULES, kind).ambiguous).toBe(kind === 'submit')
      expect(failureFor(errorOf('ERROR_REFUSED'), RULES, kind).ambiguous).toBe(false)
      expect(failureFor(errorOf('ERROR_OWN'), RULES, kind).ambiguous).toBe(false)
    }
  })

  test('counts as charged where a poll ends with it, unless its rule excludes that, or the family', () => {
    for (const kind of KINDS) {
      expect(failureFor(errorOf('ERROR_REFUSED'), RULES, kind).charged).toBe(kind === 'poll')
      expect(failureFor(errorOf('ERROR_INSIDE'), RULES, kind).charged).toBe(kind === 'poll')
      expect(failureFor(errorOf('ERROR_CAPTCHA_UNSOLVABLE'), RULES, kind).charged).toBe(false)
    }
    expect(failureFor(errorOf('ERROR_OWN'), RULES, 'poll', 'turnstile').charged).toBe(true)
    expect(failureFor(errorOf('ERROR_OWN'), RULES, 'poll', 'recaptcha').charged).toBe(false)
    expect(failureFor(errorOf('ERROR_OWN'), RULES, 'poll').charged).toBe(true)
  })

  test('that no table has counts as charged for a poll, refuses a submit, and its code is bounded', () => {
    for (const kind of KINDS) {
      const failure = failureFor(errorOf(`ERROR_\n${'x'.repeat(100)}`), RULES, kind)
      expect(failure).toEqual({
        kind: 'failure',
        class: 'unknown',
        code: `ERROR_·${'x'.repeat(72)}…`,
        message: `The service answered with an error that is not in our table: ERROR_·${'x'.repeat(72)}….`,
        charged: kind === 'poll',
        ambiguous: false,
      })
      expectSound(failure)
    }
  })

  test('with a task is about that task: a submit with it may be charged, and has its outcome where it ended', () => {
    const about = (code: string, kind: CallKind, hasTask: boolean) => {
      const { charged, ambiguous } = failureFor({ ...errorOf(code), hasTask }, RULES, kind)
      return [charged, ambiguous]
    }
    for (const code of ['ERROR_REFUSED', 'ERROR_OF_TOMORROW', 'ERROR_ROUTE', 'ERROR_GIVEN_UP']) {
      const isCharged = code !== 'ERROR_GIVEN_UP'
      const hasEnded = code === 'ERROR_ROUTE' || code === 'ERROR_GIVEN_UP'
      expect(about(code, 'submit', true)).toEqual([isCharged, !hasEnded && code !== 'ERROR_OF_TOMORROW'])
      expect(about(code, 'submit', false)).toEqual([false, false])
      for (const hasTask of [true, false]) {
        expect(about(code, 'poll', hasTask)).toEqual([isCharged, false])
        expect(about(code, 'balance', hasTask)).toEqual([false, false])
      }
    }
  })

  test('that no table has refuses a submit only where the service itself says so in a whole reply', () => {
    const inDoubt = (code: string, status?: number, more: object = {}) =>
      failureFor({ ...errorOf(code), ...more }, RULES, 'submit', undefined, status).ambiguous
    for (const status of [undefined, 200, 299, 400, 403, 429, 499]) expect(inDoubt('ERROR_X', status)).toBe(false)
    for (const status of [100, 199, 300, 302, 399, 408, 500, 503, 599]) expect(inDoubt('ERROR_X', status)).toBe(true)
    for (const code of ['ERROR_INTERNAL', 'SERVER_ERROR', 'ERROR_UNAVAILABLE', 'ERROR_TIMEOUT_X'])
      expect(inDoubt(code, 200)).toBe(true)
    expect(inDoubt('ERROR_X', 200, { consistent: false })).toBe(true)
    expect(inDoubt('ERROR_INTERNAL', 200, { consistent: false })).toBe(true)
    // With a task it is charged instead.
    expect(inDoubt('ERROR_INTERNAL', 500, { hasTask: true })).toBe(false)
    for (const kind of ['poll', 'balance'] as const)
      expect(failureFor(errorOf('ERROR_INTERNAL'), RULES, kind, undefined, 500).ambiguous).toBe(false)
    expect(read('submit', 'c:ERROR_X', 500)).toMatchObject({ class: 'unknown', ambiguous: true })
    expect(read('submit', 'c:ERROR_X', 403)).toMatchObject({ class: 'unknown', ambiguous: false })
  })

  test('of a table refuses a submit only in a whole reply', () => {
    const inDoubt = (kind: CallKind, consistent: boolean) =>
      failureFor({ ...errorOf('ERROR_REFUSED'), consistent }, RULES, kind).ambiguous
    expect(KINDS.map((kind) => [inDoubt(kind, true), inDoubt(kind, false)])).toEqual([
      [false, true],
      [false, false],
      [false, false],
    ])
  })

  test('may mean that a plan has ended, where its rule says so', () => {
    expect(failureFor(errorOf('ERROR_PLAN'), RULES, 'submit')).toEqual({
      kind: 'failure',
      class: 'balance',
      code: 'ERROR_PLAN',
      message: 'Version 1.0 of the plan. It has ended (ERROR_PLAN).',
      maybeEnded: true,
      charged: false,
      ambiguous: false,
    })
    const plain = failureFor(errorOf('ERROR_REFUSED'), RULES, 'submit')
    expect(Object.keys(plain)).toEqual(['kind', 'class', 'code', 'message', 'charged', 'ambiguous'])
  })

  test.each([
    ['Wrong key. ', ': Wrong key'],
    ['  Wrong\nkey ..', ': Wrong·key'],
    ['Version 1.0 is old', ': Version 1.0 is old'],
    ['See https://a.example/?key=1 and more', ': See … and more'],
    ['See http://a.example and more', ': See … and more'],
    [`No ${'x'.repeat(40)} or ${'y'.repeat(41)}!`, `: No ${'x'.repeat(40)} or …`],
    [`${'word '.repeat(300)}`, `: ${'word '.repeat(24)}…`],
    [`${'a '.repeat(499)}bc${'z'.repeat(60)}`, `: ${'a '.repeat(60)}…`],
    [' . ', ''],
    ['', ''],
    ['ERROR_OWN', ''],
    ['ERROR_OWN.', ''],
    [7, ''],
    [null, ''],
    [undefined, ''],
    [['Wrong key'], ''],
  ])('has the sentence %j of the service in its message, bounded and without addresses', (description, shown) => {
    const own = failureFor({ ...errorOf('ERROR_OWN'), description }, RULES, 'poll')
    expect(own.message).toBe(`The service says no (ERROR_OWN${shown}).`)
    const unknown = failureFor({ ...errorOf('ERROR_X'), description }, RULES, 'poll')
    if (description !== 'ERROR_OWN' && description !== 'ERROR_OWN.')
      expect(unknown.message).toBe(`The service answered with an error that is not in our table: ERROR_X${shown}.`)
  })

  test('is looked up among own properties only, first those of the service', () => {
    expect(
      failureFor(
        errorOf('ERROR_SITEKEY'),
        { ...RULES, errors: { ERROR_SITEKEY: { class: 'key', message: 'x' } } },
        'poll',
      ),
    ).toMatchObject({ class: 'key' })
    expect(failureFor(errorOf('ERROR_SITEKEY'), RULES, 'poll')).toMatchObject({ class: 'request' })
    for (const code of ['constructor', '__proto__', 'toString']) {
      expect(failureFor(errorOf(code), RULES, 'poll')).toMatchObject({ class: 'unknown', code })
    }
  })
})

test('a reply that cannot be read leaves only a submit in doubt, and only a poll as charged', () => {
  for (const kind of KINDS) {
    expect(unreadableReply(RULES, kind)).toEqual(
      failure(kind, 'invalid', 'UNREADABLE', "The service's reply could not be read."),
    )
  }
})
