import { describe, expect, it } from 'vitest'
import { resolveSecret } from '../../src/alerts/secret-source.js'
import type { SecretProvider } from '../../src/secrets/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { manualClock } from '../../src/testing/clock.js'

const { signal } = new AbortController()

describe('resolveSecret', () => {
  it('gives a text and a Secret at once, with the same fingerprint', async () => {
    const text = resolveSecret('https://hooks.example.com/x', 'url')
    const secret = resolveSecret(new Secret('https://hooks.example.com/x'), 'url')
    expect(text.value?.reveal()).toBe('https://hooks.example.com/x')
    expect(text.fingerprint).toBe(secret.fingerprint)
    const [current] = await text.get({ clock: manualClock(), signal })
    expect(current).toBe(text.value)
  })

  it.each([['' as never], [7 as never], [{} as never], [null as never]])('rejects %j', (source) => {
    expect(() => resolveSecret(source, 'slackAlerts: url')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('slackAlerts: url') }),
    )
  })

  it("fetches from a provider again once the cached value is five minutes old by the delivery's clock", async () => {
    const clock = manualClock()
    let fetches = 0
    const provider: SecretProvider = {
      kind: 'test',
      place: 'the test',
      fetch: () => ({
        current: { value: new Secret(`https://hooks.example.com/${++fetches}`), version: `${fetches}` },
      }),
    }
    const resolved = resolveSecret(provider, 'url')
    const current = async () => (await resolved.get({ clock, signal }))[0].reveal()
    expect(await current()).toBe('https://hooks.example.com/1')
    await clock.advance(60_000)
    expect(await current()).toBe('https://hooks.example.com/1')
    await clock.advance(5 * 60_000)
    expect(await current()).toBe('https://hooks.example.com/2')
  })

  it('gives up on a provider that does not answer, by the same clock', async () => {
    const clock = manualClock()
    const provider: SecretProvider = { kind: 'test', place: 'the test', fetch: () => new Promise(() => {}) }
    const failed = Promise.resolve(resolveSecret(provider, 'url').get({ clock, signal })).catch((error) => error)
    await clock.advance(10_000)
    expect(await failed).toMatchObject({ code: 'SECRET_UNAVAILABLE' })
  })
})
