import { afterEach, expect, it, vi } from 'vitest'
import type { SolveResult } from '../../../src/adapters/engine/result.js'
import {
  autoTitle,
  formatSpending,
  SKIPPED_WITHOUT_KEY,
  solveTitle,
  summarize,
  TestReport,
} from '../../../src/adapters/playwright-test/report.js'
import CaptchaReporter from '../../../src/adapters/playwright-test/reporter.js'
import { DeniedError, SolveguardError } from '../../../src/base/errors.js'
import type { Solution } from '../../../src/guard/types.js'
import { usd, ZERO } from '../../../src/policy/money.js'
import type { FoundChallenge } from '../../../src/widgets/widget.js'

const challenge: FoundChallenge = {
  id: 'a',
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6Lc',
  pageUrl: 'https://shop.example/login?user=ada',
  visible: true,
  answered: false,
  executed: false,
  due: true,
  expired: false,
}
const solution: Solution = {
  token: 'a-token-that-no-report-may-have',
  cost: usd(0.001),
  imputed: false,
  taskId: '1',
  expiresAt: new Date(0),
  reportGood: async () => {},
  reportBad: async () => {},
}
const denial = new DeniedError('RATE_EXCEEDED', '20 of 20 solves a minute are used.', { retryAt: new Date(60_000) })
const failure = new SolveguardError('PAGE_GONE', 'The page is gone.')
const result = (parts: Partial<SolveResult>): SolveResult => ({
  solved: [],
  denied: [],
  failed: [],
  skipped: [],
  unnamed: [],
  cost: ZERO,
  omitted: { widgets: 0, malformed: 0, malformedWidgets: [], unresponsive: 0, frames: 0 },
  ...parts,
})
const solved = result({ solved: [{ challenge, solution, shared: false, told: true }], cost: usd(0.001) })

afterEach(() => {
  vi.restoreAllMocks()
})

it('counts a solve once that several calls share, in whichever order they end', () => {
  const shared = result({ solved: [{ challenge, solution, shared: true, told: true }] })
  for (const order of [
    [solved, shared],
    [shared, solved],
  ]) {
    const report = new TestReport()
    report.addOutcome({ kind: 'solved', challenge, solution, told: true })
    for (const one of order) report.addResult(one)
    expect(report.widgets).toHaveLength(1)
  }
})

it('has neither a token nor the query of a page', () => {
  const report = new TestReport()
  report.addResult(solved)
  report.addResult(result({ denied: [{ challenge, error: denial }], failed: [{ challenge, error: failure }] }))
  const spending = summarize(report, report.cost, undefined)
  expect(JSON.stringify(spending)).not.toMatch(/a-token|user=ada/)
  expect(spending).toMatchObject({ spent: 1_000, spentUsd: 0.001, solved: 1, denied: 1, failed: 1 })
  expect(spending.widgets[1]).toMatchObject({ code: 'RATE_EXCEEDED', retryAt: '1970-01-01T00:01:00.000Z' })
  expect(formatSpending(spending)).toBe(
    '1 solved, 1 denied, 1 failed; $0.001 spent. RATE_EXCEEDED: 20 of 20 solves a minute are used. ' +
      'PAGE_GONE: The page is gone.',
  )
})

it('shows in a step what a solve came to', () => {
  expect(solveTitle(solved, 14_200)).toBe('captcha.solve — 1 solved (recaptcha v2-checkbox), $0.001, 14 s')
  const two = [challenge, { ...challenge, id: 'b' }].map((one) => ({ challenge: one, error: denial }))
  expect(solveTitle(result({ denied: two }), 20)).toBe(
    'captcha.solve — 2 denied (recaptcha v2-checkbox ×2): RATE_EXCEEDED ×2, 20 ms',
  )
  expect(solveTitle(result({ denied: [{ error: denial }] }), 20)).toBe('captcha.solve — 1 denied: RATE_EXCEEDED, 20 ms')
  expect(solveTitle(result({ skipped: [{ challenge, reason: 'hidden' }] }), 20)).toBe(
    'captcha.solve — nothing due (hidden), 20 ms',
  )
  expect(autoTitle({ kind: 'failed', challenge, error: failure, solution }, 2_000)).toBe(
    'captcha.auto — 1 failed (recaptcha v2-checkbox): PAGE_GONE, $0.001, 2 s',
  )
})

it('prints the totals of a run, what is left, and a sentence for each code', () => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {})
  const reporter = new CaptchaReporter()
  end(reporter, 'a', [{ spent: 1_000, left: 4_999_000 }])
  end(reporter, 'b', [{ spent: 0, left: 4_998_000, widgets: [denied('RATE_EXCEEDED', 'Too many.')] }])
  end(reporter, 'c', [{ spent: 0, left: 4_999_000, widgets: [denied('RATE_EXCEEDED', 'Still too many.')] }])
  end(reporter, 'd', [], SKIPPED_WITHOUT_KEY)
  reporter.onEnd()
  expect(print.mock.calls.flat()).toEqual([
    '\nsolveguard: 2 denied in 3 tests; $0.001 spent; left today $4.998 of $5.00; denied: RATE_EXCEEDED ×2; ' +
      '1 test skipped: there is no key',
    '  RATE_EXCEEDED: Too many.',
  ])
})

it('prints nothing for a run without CAPTCHAs, whatever its tests attach', () => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {})
  const reporter = new CaptchaReporter()
  end(reporter, 'a', ['no JSON', { spent: -1 }, { spent: 'much' }])
  reporter.onEnd()
  expect(print).not.toHaveBeenCalled()
})

const denied = (code: string, message: string) => ({ outcome: 'denied', code, message })

/** Ends a test that has these attachments. */
function end(reporter: CaptchaReporter, id: string, bodies: readonly (object | string)[], skipped?: string): void {
  const attachments = bodies.map((body) => {
    const { left, widgets = [], ...others } = body as { left?: number; widgets?: object[] }
    const budget = left === undefined ? undefined : { name: 'shop', cap: 5_000_000, left }
    const spending = { solved: 0, denied: widgets.length, failed: 0, widgets, budget, ...others }
    return { name: 'captchas', body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(spending)) }
  })
  const annotations = skipped === undefined ? [] : [{ type: 'skip', description: skipped }]
  const status = skipped === undefined ? 'passed' : 'skipped'
  reporter.onTestEnd(
    ...([
      { id, annotations },
      { attachments, status },
    ] as Parameters<CaptchaReporter['onTestEnd']>),
  )
}
