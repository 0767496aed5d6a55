import { compactVerify, SignJWT } from 'jose'
import { systemClock } from '../src/base/clock.js'
import { memoryLedger } from '../src/ledger/memory.js'
import { usd } from '../src/policy/money.js'
import { Secret } from '../src/secrets/secret.js'
import { signNewToken } from '../src/tokens/issue.js'
import { SigningKeys } from '../src/tokens/keys.js'
import { narrowToken } from '../src/tokens/narrow.js'
import { tokenPolicy } from '../src/tokens/policy.js'
import { checkTimes, verifyToken } from '../src/tokens/verify.js'
import { benchGuard, instantService, noSink } from './guard.js'
import type { BenchRow } from './row.js'

const KEY = '0123456789abcdef'.repeat(4)
const WARM_UP = 1_000
const CALLS = 5_000

const POLICY = {
  origins: ['https://staging.example.com', 'https://*.qa.example.com'],
  budget: { perDay: usd(0.1), perMinute: 20 },
}

/** Issuing, narrowing and verifying a token, beside jose alone with the same claims; and how long a token is. */
export async function tokensBench(): Promise<BenchRow[]> {
  const keys = new SigningKeys(
    { kind: 'bench', place: 'the benchmark', fetch: () => ({ current: { value: new Secret(KEY), version: '1' } }) },
    systemClock,
  )
  const key = await keys.current()
  const secret = new TextEncoder().encode(KEY)
  const now = Date.now()
  const issue = () => {
    const { input } = tokenPolicy(POLICY, 'issuer', 'UTC')
    return signNewToken({ audience: 'checkout-tests', subject: 'ci-4711', now, ttlMs: 900_000, policy: input }, key)
  }
  const { token } = await issue()
  const narrower = await narrowToken(token, { budget: { perDay: usd(0.01) } }, { subject: 'sign-in' })
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  const times = { now, keyTime: now }
  const verify = async (text: string) => checkTimes(await verifyToken(text, 'checkout-tests', keys), times)
  const guard = await benchGuard(memoryLedger(), noSink, instantService())
  const { token: known } = await guard.issueToken(POLICY)
  await guard.verifyToken(known)

  // By turns, so that what else the machine does is in both.
  const took = await byTurns({
    sign: () => new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: key.kid, typ: 'sg+jwt' }).sign(secret),
    issue,
    verify: () => compactVerify(token, secret),
    ours: () => verify(token),
    narrowed: () => verify(narrower),
    narrow: () => narrowToken(token, { budget: { perDay: usd(0.01) } }, { subject: 'sign-in' }),
    again: () => guard.verifyToken(known),
  })
  await guard.close()

  const size = (name: string, value: number, most: number): BenchRow => ({
    name,
    value,
    unit: 'characters',
    target: `≤ ${most}`,
    ok: value <= most,
  })
  const { handle = '' } = await withHandle()
  return [
    compared('issue', took.issue, "jose's HS256 sign", took.sign, 1.5),
    compared('verify', took.ours, "jose's verify", took.verify, 2),
    compared('verify, narrowed once', took.narrowed, "jose's verify", took.verify, 2),
    { name: 'verify, the same token again', value: took.again, unit: 'µs' },
    { name: 'narrow, offline', value: took.narrow, unit: 'µs' },
    size('token', token.length, 450),
    size('each narrowing', narrower.length - token.length, 120),
    { ...size('handle', handle.length, 32), target: '= 32', ok: handle.length === 32 },
  ]
}

async function withHandle() {
  const guard = await benchGuard(memoryLedger(), noSink, instantService())
  const issued = await guard.issueToken(POLICY, { handle: true })
  await guard.close()
  return { handle: issued.handle }
}

function compared(name: string, value: number, against: string, baseline: number, most: number): BenchRow {
  const ratio = value / baseline
  return { name, value, unit: 'µs', against, baseline, ratio, target: `≤ ${most} ×`, ok: ratio <= most }
}

/**
 * How long each call takes, in µs: the fastest twentieth, by turns. jose's calls wait for another thread, and on a busy
 * machine their median is the time of that wait.
 */
async function byTurns<K extends string>(calls: Readonly<Record<K, () => unknown>>): Promise<Record<K, number>> {
  const names = Object.keys(calls) as K[]
  const took = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  for (let i = -WARM_UP; i < CALLS; i++) {
    for (const name of names) {
      const start = process.hrtime.bigint()
      await calls[name]()
      if (i >= 0) took[name].push(Number(process.hrtime.bigint() - start) / 1000)
    }
  }
  const fastest = (times: number[]) => times.sort((a, b) => a - b)[CALLS / 20] as number
  return Object.fromEntries(names.map((name) => [name, fastest(took[name])])) as Record<K, number>
}
