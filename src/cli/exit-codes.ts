import { CODES, type Code, type CodeInfo } from '../base/errors.js'

/** The exit codes, part of the public interface: none is renamed, and none changes its meaning. */
export const EXIT_CODES = {
  0: 'done',
  1: 'failed',
  2: 'used wrongly: an option, a configuration or a challenge is wrong; the message names the field',
  3: 'denied by a layer: nothing was spent',
  4: 'a key or a token was refused, or there is none',
  5: 'something that the command needs is away (service, ledger, secret, audit): worth a retry',
  6: 'a check did not hold (`doctor`, `drill`, `audit verify`, `audit archive`, `spent`)',
  130: 'interrupted (Ctrl+C); what was under way is accounted for',
  143: 'ended by SIGTERM; what was under way is accounted for',
} as const

/** A number of the table. */
export type ExitCode = keyof typeof EXIT_CODES

/** Codes by their exit codes. A code that has a layer and is not named here has 3. */
const NAMED: Readonly<Partial<Record<ExitCode, readonly Code[]>>> = {
  1: [
    'COMMAND_FAILED',
    'GUARD_CLOSED',
    'SOLVE_ABORTED',
    'SOLVE_TIMEOUT',
    'CAPTCHA_UNSOLVABLE',
    'SOLVER_REFUSED',
    'SOLVER_ERROR',
    'BALANCE_EMPTY',
    'PAGE_PROXY_FAILED',
    'TEST_KEY_BLOCKS',
    'PAGE_GONE',
    'PAGE_UNRESPONSIVE',
    'WIDGET_GONE',
    'WAIT_TIMEOUT',
    'WIDGET_FAILED',
  ],
  2: [
    'COMMAND_INVALID',
    'CONFIG_INVALID',
    'CHALLENGE_INVALID',
    'FAMILY_UNSUPPORTED',
    'PAGE_PROXY_UNSUPPORTED',
    'BATCH_ITEMS_DIFFER',
    'BROKER_UNSAFE',
    'GUARD_WITHOUT_KEY',
    'CONNECTION_BYPASSES_GUARD',
  ],
  4: [
    'SECRET_MISSING',
    'SECRET_UNSAFE',
    'SECRET_INVALID',
    'SECRET_DENIED',
    'KEY_OF_ANOTHER_ENVIRONMENT',
    'KEY_TOO_OLD',
    'KEY_REFUSED',
    'ADDRESS_REFUSED',
    'TOKEN_NOT_YET_VALID',
    'TOKEN_EXPIRED',
    'TOKEN_REVOKED',
    'TOKEN_INVALID',
    'TOKEN_ALTERED',
    'TOKEN_KEY_UNKNOWN',
    'TOKEN_AUDIENCE',
    'TOKEN_WIDENED',
    'HANDLE_UNKNOWN',
  ],
  5: [
    'SECRET_UNAVAILABLE',
    'LEDGER_UNAVAILABLE',
    'AUDIT_UNAVAILABLE',
    'EGRESS_UNVERIFIED',
    'SOLVER_BUSY',
    'SOLVER_UNREACHABLE',
    'SOLVER_REPLY_INVALID',
    'BATCH_UNDER_WAY',
    'BROKER_DRAINING',
  ],
  // Of alerts, which are never thrown: a check reports them.
  6: [
    'BUDGET_THRESHOLD',
    'KEY_LEAK_SUSPECTED',
    'ALERT_UNDELIVERED',
    'PAGE_DRAIN_SUSPECTED',
    'AUDIT_COPY_BEHIND',
    'CLOCKS_DIFFER',
    'LIMITS_DIFFER',
    'PRICE_ABOVE_RESERVED',
    'CALLBACKS_MISSING',
    'TASK_ID_REPEATED',
    'LEDGER_BEHIND_AUDIT',
    'LEDGER_NEW_IN_CI',
    'KEY_IN_TWO_LEDGERS',
    'COST_BELOW_FLOOR',
    'SECRET_STALE',
    'KEY_DUE',
    'KEY_UNUSUAL',
    'KEY_REVOCABLE',
  ],
  130: ['COMMAND_INTERRUPTED'],
}

/** The exit code of an error with this code; undefined for a code that has no place in the table yet. */
export function exitCodeOf(code: Code): ExitCode | undefined {
  for (const [exitCode, codes] of Object.entries(NAMED)) {
    if (codes.includes(code)) return Number(exitCode) as ExitCode
  }
  const { layer }: CodeInfo = CODES[code]
  return layer === undefined ? undefined : 3
}
