import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { type Alert, type AlertChannel, DeliveryError } from '../../src/alerts/index.js'
import { systemClock } from '../../src/base/clock.js'

export const ALERT: Alert = {
  id: 'alert_5f0c',
  code: 'BUDGET_THRESHOLD',
  message: "Budget 'checkout' has used $4.00 of $5.00 a day (80 % crossed) & <!channel> @here.",
  guard: 'checkout',
  at: new Date('2026-01-02T03:04:05.678Z'),
  details: { threshold: 0.8 },
}

/** A channel, and the receiver that it delivers to. */
export interface ChannelUnderTest {
  readonly channel: AlertChannel
  /** Another instance, as another process would create it. */
  again(): AlertChannel
  /** The texts that the receiver got. */
  arrived(): Promise<readonly string[]>
  /** Makes the receiver refuse or never answer, until it is called with `undefined`. */
  misbehave(how: 'refuse' | 'hang' | undefined): Promise<void>
  /** Values that must not be shown: an address, a secret. */
  readonly secrets: readonly string[]
  dispose(): Promise<void>
}

export const deliver = (channel: AlertChannel, alert = ALERT, signal = new AbortController().signal) =>
  channel.deliver(alert, { clock: systemClock, signal })

/** The tests that every channel has to pass. */
export function channelContract(name: string, make: () => Promise<ChannelUnderTest>): void {
  describe(`${name}, as every alert channel`, () => {
    let made: ChannelUnderTest | undefined
    const fresh = async () => {
      made = await make()
      return made
    }
    afterEach(async () => {
      await made?.dispose()
      made = undefined
    })

    it('delivers an alert: code, guard, message and remedy', async () => {
      const { channel, arrived } = await fresh()
      await deliver(channel)
      const [text = ''] = await arrived()
      for (const part of ['BUDGET_THRESHOLD', 'checkout', '80 % crossed', 'Nothing, if expected.']) {
        expect(text).toContain(part)
      }
      expect(() => JSON.parse(text)).not.toThrow()
    })

    it('throws a DeliveryError for an alert that was not delivered, and delivers the next one', async () => {
      const { channel, arrived, misbehave } = await fresh()
      await misbehave('refuse')
      await expect(deliver(channel)).rejects.toBeInstanceOf(DeliveryError)
      await misbehave(undefined)
      const before = (await arrived()).length
      await deliver(channel)
      expect(await arrived()).toHaveLength(before + 1)
    })

    it('ends when it is aborted, with an error that may be retried', async () => {
      const { channel, misbehave } = await fresh()
      await misbehave('hang')
      const abort = new AbortController()
      const failed = deliver(channel, ALERT, abort.signal).then(
        () => undefined,
        (error: unknown) => error,
      )
      setTimeout(() => abort.abort(), 50)
      expect(await failed).toMatchObject({ name: 'DeliveryError', retryable: true })
    })

    it('has an id and a place that reveal no secret, nor do its errors', async () => {
      const { channel, again, misbehave, secrets } = await fresh()
      expect(channel.id).toMatch(/^[\w-]{1,64}$/)
      expect(again().id).toBe(channel.id)
      await misbehave('refuse')
      const error = await deliver(channel).catch((thrown: unknown) => thrown)
      const shown = [
        channel.id,
        channel.place,
        channel.kind,
        inspect(channel, { depth: 9 }),
        inspect(error, { depth: 9 }),
      ]
      for (const secret of secrets) expect(shown.join('\n')).not.toContain(secret)
    })
  })
}
