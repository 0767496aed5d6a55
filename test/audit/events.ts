import fc from 'fast-check'
import type { AuditAction, AuditEvent } from '../../src/audit/sink.js'
import { usd } from '../../src/policy/money.js'

export const NOON = Date.UTC(2026, 10, 24, 12)

/** A solve that was allowed, with every field that such an event has. */
export const authorised: AuditEvent = {
  action: 'authorised',
  at: NOON,
  guard: 'checkout-tests',
  solveId: '01JDZ3M8Q0',
  path: ['checkout-tests', 'context-1'],
  subject: 'ci-4711',
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  page: 'https://staging.example.com:8443/login',
  frame: 'https://pay.example.com/form',
  solver: 'captchaai',
  keyVersion: '3',
  keyFingerprint: '0123456789abcdef',
  egress: 'http://egress.internal:3128',
  reserved: usd(0.003),
}

export const denied: AuditEvent = {
  action: 'denied',
  at: NOON,
  guard: 'checkout-tests',
  path: ['checkout-tests'],
  page: 'https://other.example/',
  sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  code: 'ORIGIN_NOT_NAMED',
  layer: 'origin',
  message: 'https://other.example is not named in policy.origins.',
}

export const ACTIONS: readonly AuditAction[] = [
  'authorised',
  'denied',
  'submitted',
  'solved',
  'failed',
  'abandoned',
  'recovered',
  'injected',
  'accepted',
  'rejected',
  'paused',
  'resumed',
  'alert',
  'opened',
  'closed',
]

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('line\nbreak', '\u202eright to left', '\ud800', '"}}', 'x'.repeat(5000), ''),
)
const address = fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), text)
const wall = fc.integer({ min: NOON, max: NOON + 3_600_000 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** Any event, also with strings that a hostile page or service made up. */
export const anyEvent: fc.Arbitrary<AuditEvent> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  at: wall,
  guard: text,
  solveId: maybe(text),
  path: maybe(fc.array(text, { maxLength: 20 })),
  subject: maybe(text),
  family: maybe(text),
  variant: maybe(text),
  sitekey: maybe(text),
  page: maybe(address),
  frame: maybe(address),
  solver: maybe(text),
  taskId: maybe(text),
  keyVersion: maybe(text),
  keyFingerprint: maybe(text),
  egress: maybe(address),
  reserved: maybe(fc.constant(usd(0.003))),
  cost: maybe(fc.constant(usd(0.001))),
  imputed: maybe(fc.boolean()),
  durationMs: maybe(fc.double({ min: 0, max: 1e6, noNaN: true })),
  code: maybe(text),
  layer: maybe(fc.constantFrom('origin', 'time', 'secret', 'network', 'spending', 'audit')),
  message: maybe(text),
  retryAt: maybe(wall),
  count: maybe(fc.integer({ min: 1, max: 1e6 })),
  firstAt: maybe(wall),
  lastAt: maybe(wall),
})
