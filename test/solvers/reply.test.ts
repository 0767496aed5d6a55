import { describe, expect, test } from 'vitest'
import { MAX_TOKEN_LENGTH } from '../../src/solvers/answers.js'
import { type CallKind, failureFor, type ReplyRules, readReply, unreadableReply } from '../../src/solvers/reply.js'
import { expectSound, ok } from './contract.js'

const RULES: ReplyRules = {
  errors: {
    ERROR_OWN: { class: 'request', message: 'The service says no', charged: ['turnstile'] },
    ERROR_INSIDE: { class: 'busy', message: 'The service failed.', retryAfterMs: 7, refuses: false },
    ERROR_REFUSED: { class: 'busy', message: 'The service refused.', refuses: true, charged: true },
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
