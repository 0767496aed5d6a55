import { describe, expect, it } from 'vitest'
import { usd } from '../../../src/policy/money.js'
import type { SecretProvider } from '../../../src/secrets/provider.js'
import { Secret } from '../../../src/secrets/secret.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

const OLD = 'the-old-key-0123456789abcdef0123'
const NEW = 'the-new-key-0123456789abcdef0123'

describe('a guard whose key is rotated', () => {
  it('fetches the key again when the service refuses the old one, and the solve succeeds', async () => {
    const secret = fixedSecret(OLD)
    const { guard, service } = await rig({ secret, serviceOptions: { keys: { [OLD]: 10, [NEW]: 10 } } })
    await guard.solve(challenge)
    secret.set(NEW, OLD)
    service.revoke(OLD)
    await guard.solve(challenge)
    expect(secret.fetches).toBe(2)
    expect(service.charged).toBe(usd(0.002))
  })

  it('uses the previous version while the new key is not valid yet, and sends the new one only once', async () => {
    const secret = fixedSecret(NEW)
    secret.set(NEW, OLD)
    const { guard, service } = await rig({ secret, serviceOptions: { keys: { [OLD]: 10 } } })
    await guard.solve(challenge)
    await guard.solve(challenge)
    expect(service.requests.filter(({ keyOk }) => !keyOk)).toHaveLength(1)
  })

  it('does not use a previous version that is older than the policy allows', async () => {
    const version = (key: string, days: number) => {
      const value = new Secret(key)
      return { value, version: value.fingerprint, createdAt: Date.now() - days * 86_400_000 }
    }
    const versions = { current: version(NEW, 1), previous: version(OLD, 91) }
    const { guard, service } = await rig({
      secret: { kind: 'test', place: 'the test', fetch: () => versions },
      serviceOptions: { keys: { [OLD]: 10 } },
      policy: { key: { expireAfter: '90d' } },
    })
    guard.on('alert', () => {})
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'KEY_TOO_OLD', layer: 'time' })
    expect(service.requests.filter(({ keyOk }) => keyOk)).toHaveLength(0)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('fetches the key once when the service refuses many solves together, and none of them fails', async () => {
    const secret = fixedSecret(OLD)
    const { guard, service } = await rig({
      secret,
      serviceOptions: { keys: { [OLD]: 10, [NEW]: 10 } },
      policy: { budget: { perDay: usd(1), concurrent: 50 } },
    })
    await guard.solve(challenge)
    secret.set(NEW, OLD)
    service.revoke(OLD)
    service.always('in', { delayMs: 50 })
    await Promise.all(Array.from({ length: 30 }, () => guard.solve(challenge)))
    expect(service.requests.filter(({ keyOk }) => !keyOk)).toHaveLength(30)
    expect(secret.fetches).toBe(2)
  })

  it('fetches the key again when the new key is refused later', async () => {
    const third = 'the-third-key-0123456789abcdef01'
    const secret = fixedSecret(OLD)
    const { guard, service } = await rig({ secret, serviceOptions: { keys: { [OLD]: 10, [NEW]: 10, [third]: 10 } } })
    await guard.solve(challenge)
    secret.set(NEW)
    service.revoke(OLD)
    await guard.solve(challenge)
    secret.set(third)
    service.revoke(NEW)
    await guard.solve(challenge)
    expect(secret.fetches).toBe(3)
  })

  it('polls a task with the key that submitted it, also after the store has a new one', async () => {
    const secret = fixedSecret(OLD)
    const { guard, service } = await rig({ secret, serviceOptions: { keys: { [OLD]: 10, [NEW]: 10 }, solveMs: 100 } })
    const solve = guard.solve(challenge)
    guard.on('submitted', () => secret.set(NEW))
    await solve
    expect(new Set(service.requests.map(({ fields }) => fields.key)).size).toBe(1)
  })

  it('pauses when the service refuses every version, releases the reservation, and solves after resume()', async () => {
    const secret = fixedSecret('a-key-that-is-unknown-01234567')
    const { guard, service, actions } = await rig({ secret, serviceOptions: { keys: { [NEW]: 10 } } })
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toBe('KEY_REFUSED')
    expect((await guard.status()).paused).toMatchObject({ code: 'KEY_REFUSED' })
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    expect((await errorOf(guard.solve(challenge))).code).toBe('GUARD_PAUSED')
    expect(service.requests).toHaveLength(1)
    expect(actions()).toContain('paused')
    secret.set(NEW)
    await guard.resume()
    await guard.solve(challenge)
  })

  it('shows the key in no error, audit record, event or status', async () => {
    const key = 'a-key-that-is-unknown-01234567'
    const { guard, audit } = await rig({ secret: fixedSecret(key), serviceOptions: { keys: { [NEW]: 10 } } })
    let shown = ''
    for (const name of ['alert', 'paused', 'failed', 'denied'] as const)
      guard.on(name, (event) => {
        shown += JSON.stringify(event)
      })
    const error = await errorOf(guard.solve(challenge))
    shown += `${error.message}${error.stack}${JSON.stringify(error)}${JSON.stringify(audit.events)}${JSON.stringify(await guard.status())}`
    expect(shown).not.toContain(key)
  })
})

describe('a store that is slow', () => {
  const slow = (clock: ManualClock, ms: () => number): SecretProvider & { fetches: number } => {
    const value = new Secret(NEW)
    return {
      kind: 'test',
      place: 'the test',
      fetches: 0,
      fetch() {
        this.fetches++
        return new Promise((resolve) => void clock.after(ms(), () => resolve({ current: { value, version: '1' } })))
      },
    }
  }

  it('is called once for all solves that start meanwhile', async () => {
    const clock = manualClock()
    const secret = slow(clock, () => 9_000)
    const { guard } = await rig({ clock, secret, serviceOptions: { keys: { [NEW]: 10 } } })
    const solves = Promise.all(Array.from({ length: 20 }, () => guard.solve(challenge)))
    await settleWith(clock, solves, 100)
    expect(secret.fetches).toBe(1)
  })

  it('denies solves, with nothing reserved, while it takes longer than 10 s', async () => {
    const clock = manualClock()
    let ms = 11_000
    const { guard, actions, service } = await rig({
      clock,
      secret: slow(clock, () => ms),
      serviceOptions: { keys: { [NEW]: 10 } },
    })
    const error = await errorOf(settleWith(clock, guard.solve(challenge), 100))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('10 s')])
    expect(actions()).not.toContain('authorized')
    expect(service.requests).toEqual([])
    ms = 100
    await settleWith(clock, guard.solve(challenge), 100)
  })
})

describe('a store that is down', () => {
  it('pauses the guard if the service refuses the key, so that the key is sent only once', async () => {
    const secret = fixedSecret(OLD)
    const { guard, service } = await rig({ secret, serviceOptions: { keys: { [OLD]: 10 } } })
    guard.on('alert', () => {})
    await guard.solve(challenge)
    service.revoke(OLD)
    secret.fail(new Error('sealed'))
    expect((await errorOf(guard.solve(challenge))).code).toBe('SECRET_UNAVAILABLE')
    expect((await guard.status()).paused).toMatchObject({ code: 'KEY_REFUSED' })
    expect((await errorOf(guard.solve(challenge))).code).toBe('GUARD_PAUSED')
    expect(service.requests.filter(({ keyOk }) => !keyOk)).toHaveLength(1)
  })

  it('leaves the cached key in use, then the stale key with an alert, and then denies solves', async () => {
    const clock = manualClock()
    const secret = fixedSecret(NEW)
    const { guard } = await rig({ clock, secret, serviceOptions: { keys: { [NEW]: 10 } } })
    const alerts: string[] = []
    guard.on('alert', ({ code }) => alerts.push(code))
    await settleWith(clock, guard.solve(challenge), 10)
    secret.fail(new Error('sealed'))
    await clock.advance(10 * 60_000)
    await settleWith(clock, guard.solve(challenge), 10)
    expect(alerts).toContain('SECRET_STALE')
    await clock.advance(61 * 60_000)
    expect((await errorOf(settleWith(clock, guard.solve(challenge), 10))).code).toBe('SECRET_UNAVAILABLE')
  })
})
