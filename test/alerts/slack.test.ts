import { afterEach, describe, expect, it } from 'vitest'
import { slackAlerts } from '../../src/alerts/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { ALERT, deliver } from './contract.js'
import { type Receiver, startReceiver } from './receiver.js'

let to: Receiver | undefined
afterEach(async () => to?.close())

async function posted(message: string): Promise<{ text: string; blocks: { text?: { type: string; text: string } }[] }> {
  to = await startReceiver()
  await deliver(slackAlerts({ url: to.url }), { ...ALERT, message })
  return JSON.parse(to.received[0]?.body ?? '')
}

describe('slackAlerts', () => {
  it('has the whole alert in `text`, for notifications and for Mattermost', async () => {
    const { text, blocks } = await posted('80 % is used.')
    expect(text).toBe('*BUDGET_THRESHOLD* – checkout\n80 % is used.\nNothing, if expected.')
    expect(blocks[0]?.text).toEqual({ type: 'mrkdwn', text: '*BUDGET_THRESHOLD* – checkout\n80 % is used.' })
    expect(JSON.stringify(blocks)).toContain('docs/errors.md#budget_threshold|More>')
  })

  it('escapes a message so that it holds no link and no mention', async () => {
    const { text, blocks } = await posted('a & b <!channel> <https://evil.example|click> @here @channel a@b.example')
    for (const shown of [text, blocks[0]?.text?.text ?? '']) {
      expect(shown).toContain('a &amp; b &lt;!channel&gt; &lt;https://evil.example|click&gt;')
      expect(shown).not.toMatch(/@\w/)
    }
  })

  it('reads its address from a secrets store, which the error names while it does not answer', async () => {
    to = await startReceiver()
    const value = new Secret(`${to.url}/services/T/B/x`)
    let down = true
    const fetch = () => {
      if (down) throw new Error('down')
      return { current: { value, version: '1' } }
    }
    const channel = slackAlerts({ url: { kind: 'test', place: 'the test', fetch } })
    await expect(deliver(channel)).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('the test'),
    })
    down = false
    await deliver(channel)
    expect(to.received).toMatchObject([{ url: '/services/T/B/x' }])
  })

  it('rejects unknown options', () => {
    expect(() => slackAlerts({ url: 'https://hooks.slack.com/x', channel: '#qa' } as never)).toThrow(
      'slackAlerts.channel',
    )
  })
})
