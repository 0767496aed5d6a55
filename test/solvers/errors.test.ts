import { describe, expect, test } from 'vitest'
import { COMMON_ERRORS } from '../../src/solvers/errors.js'
import type { Failure, FailureClass } from '../../src/solvers/solver.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { expectSound } from './contract.js'
import { OTHER_APIS, RECORDED } from './recorded.js'

/** Class, wait in ms, whether a task is charged for when a poll ends so. */
type Row = readonly [code: string, kind: FailureClass, retryAfterMs: number | undefined, charged: boolean]

/** reference: the table of errors. */
const ROWS: readonly Row[] = [
  ['ERROR_NO_SLOT_AVAILABLE', 'busy', 5_000, true],
  ['ERROR_TOO_MUCH_REQUESTS', 'busy', 10_000, true],
  ['MAX_USER_TURN', 'busy', 10_000, true],
  ['ERROR_RATE_LIMIT', 'busy', 10_000, true],
  ['ERROR_SERVICE_UNAVALIABLE', 'busy', 10_000, true],
  ['ERROR_SERVICE_UNAVAILABLE', 'busy', 10_000, true],
  ['ERROR_SERVICE_NOT_AVAILABLE', 'busy', 10_000, true],
  ['ERROR_SERVER_ERROR', 'busy', 10_000, true],
  ['ERROR_INTERNAL_SERVER_ERROR', 'busy', 10_000, true],
  ['ERROR_CAPTCHA_UNSOLVABLE', 'unsolvable', undefined, false],
  ['ERROR_TASK_TIMEOUT', 'unsolvable', undefined, false],
  ['ERROR_RECAPTCHA_TIMEOUT', 'unsolvable', undefined, false],
  ['ERROR_TOKEN_EXPIRED', 'unsolvable', undefined, false],
  ['ERROR_BAD_DUPLICATES', 'unsolvable', undefined, false],
  ...[
    'ERROR_BAD_PARAMETERS',
    'ERROR_PAGEURL',
    'ERROR_GOOGLEKEY',
    'ERROR_WRONG_GOOGLEKEY',
    'ERROR_SITEKEY',
    'ERROR_BAD_TOKEN_OR_PAGEURL',
    'ERROR_RECAPTCHA_INVALID_SITEKEY',
    'ERROR_RECAPTCHA_INVALID_DOMAIN',
    'ERROR_RECAPTCHA_OLD_BROWSER',
    'ERROR_WRONG_USERAGENT',
    'ERROR_DOMAIN_NOT_ALLOWED',
    'ERROR_INVALID_TASK',
    'ERROR_INVALID_TASK_DATA',
    'ERROR_BAD_REQUEST',
    'ERROR_INCORRECT_SESSION_DATA',
    'ERROR_TASK_ABSENT',
    'ERROR_EMPTY_ACTION',
    'ERROR_IMAGE_TYPE_NOT_SUPPORTED',
    'ERROR_WRONG_FILE_EXTENSION',
    'ERROR_IMAGE_DIMENSIONS_TOO_LARGE',
    'ERROR_ZERO_CAPTCHA_FILESIZE',
    'ERROR_TOO_BIG_CAPTCHA_FILESIZE',
    'ERROR_UPLOAD',
    'ERROR_CAPTCHAIMAGE_BLOCKED',
    'ERROR_INVALID_IMAGE',
    'ERROR_PARSE_IMAGE_FAIL',
    'ERROR_BAD_IMGINSTRUCTIONS',
    'ERROR_UNKNOWN_QUESTION',
    'ERROR_PROXY_MISSING',
  ].map((code): Row => [code, 'request', undefined, false]),
  ...[
    'ERROR_PROXY_FORMAT',
    'ERROR_BAD_PROXY',
    'ERROR_PROXY_TRANSPARENT',
    'ERROR_PROXY_NOT_AUTHORISED',
    'ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER',
    'ERROR_PROXY_HAS_NO_IMAGE_SUPPORT',
    'ERROR_PROXY_INCOMPATIBLE_HTTP_VERSION',
    'ERROR_PROXY_CONNECT_REFUSED',
    'ERROR_PROXY_CONNECTION_FAILED',
    'ERR_PROXY_CONNECTION_FAILED',
    'ERROR_PROXY_CONNECT_TIMEOUT',
    'ERROR_PROXY_READ_TIMEOUT',
    'ERROR_PROXY_BANNED',
  ].map((code): Row => [code, 'proxy', undefined, false]),
  ['ERROR_WRONG_ID_FORMAT', 'request', undefined, true],
  ['ERROR_WRONG_CAPTCHA_ID', 'request', undefined, true],
  ['WRONG_CAPTCHA_ID', 'request', undefined, true],
  ['ERROR_TASKID_INVALID', 'request', undefined, true],
  ['ERROR_NO_SUCH_CAPCHA_ID', 'request', undefined, true],
  ['ERROR_NO_SUCH_METHOD', 'unsupported', undefined, false],
  ['ERROR_TASK_NOT_SUPPORTED', 'unsupported', undefined, false],
  ['ERROR_TASK_TYPE_DEPRECATED', 'unsupported', undefined, false],
  ['ERROR_METHOD_CALL', 'unsupported', undefined, false],
  ['ERROR_WRONG_USER_KEY', 'key', undefined, true],
  ['ERROR_KEY_DOES_NOT_EXIST', 'key', undefined, true],
  ['ERROR_KEY_TEMP_BLOCKED', 'key', undefined, true],
  ['ERROR_KEY_DENIED_ACCESS', 'key', undefined, true],
  ['ERROR_IP_NOT_ALLOWED', 'address', undefined, true],
  ['ERROR_IP_BANNED', 'address', 300_000, true],
  ['IP_BANNED', 'address', 300_000, true],
  ['ERROR_IP_BLOCKED', 'address', 300_000, true],
  ['ERROR_ACCOUNT_SUSPENDED', 'address', undefined, true],
  ['ERROR_ZERO_BALANCE', 'balance', 60_000, true],
  ['ERROR_SETTLEMENT_FAILED', 'balance', 60_000, true],
]

/** reference: where one service means something else by the same word. */
const OWN: Readonly<Record<string, readonly Row[]>> = {
  captchaai: [['ERROR_ZERO_BALANCE', 'busy', 5_000, true]],
  capmonster: [['ERROR_TOKEN_EXPIRED', 'unsolvable', undefined, true]],
  capsolver: [['ERROR_IP_BANNED', 'address', 600_000, true]],
}

/** The service failed inside: it may have accepted the task before that. Every other code refuses the submit. */
const INTERNAL: ReadonlySet<string> = new Set([
  'ERROR_SERVICE_UNAVALIABLE',
  'ERROR_SERVICE_UNAVAILABLE',
  'ERROR_SERVICE_NOT_AVAILABLE',
  'ERROR_SERVER_ERROR',
  'ERROR_INTERNAL_SERVER_ERROR',
])

test('every code of the common table is tested here', () => {
  expect(new Set(ROWS.map(([code]) => code))).toEqual(new Set(Object.keys(COMMON_ERRORS)))
})

describe.each(Object.entries(SOLVERS))('%s reads', (name, make) => {
  const rows = ROWS.map((row) => OWN[name]?.find(([code]) => code === row[0]) ?? row)
  const ways = [
    ...(RECORDED[name] ?? []).map((recorded) => ({ solver: make(), recorded })),
    ...[OTHER_APIS[name]].flatMap((way) => (way ? [{ solver: way.make(), recorded: way.recorded }] : [])),
  ]

  test.each(rows)(
    '%s as %s (retry after %s, charged in a poll: %s), in every form',
    (code, kind, retryAfterMs, charged) => {
      expect(ways.length).toBeGreaterThan(0)
      for (const { solver, recorded } of ways) {
        const expected = { kind: 'failure', class: kind, code, ambiguous: false }
        const submitted = solver.readSubmit(recorded.error(code)) as Failure
        expect(submitted).toMatchObject({ ...expected, ambiguous: INTERNAL.has(code), charged: false })
        expect(submitted.retryAfterMs).toBe(retryAfterMs)
        expect(solver.readPoll(recorded.error(code), 'recaptcha')).toMatchObject({ ...expected, charged })
        expect(solver.readBalance(recorded.error(code))).toMatchObject({ ...expected, charged: false })
        expectSound(submitted)
      }
    },
  )
})
