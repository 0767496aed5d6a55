import type { AuditAction, AuditEvent } from '../../src/audit/sink.js'
import { usd } from '../../src/policy/money.js'

export const NOON = Date.UTC(2026, 10, 24, 12)

/** A solve that was allowed, with every field that such an event has. */
export const authorized: AuditEvent = {
  action: 'authorized',
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
  'authorized',
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
