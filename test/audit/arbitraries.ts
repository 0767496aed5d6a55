import fc from 'fast-check'
import type { AuditEvent } from '../../src/audit/sink.js'
import { usd } from '../../src/policy/money.js'
import { ACTIONS, NOON } from './events.js'

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
  subjects: maybe(fc.array(text, { maxLength: 20 })),
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
