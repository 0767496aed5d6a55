import { slackAlerts, webhookAlerts } from '../../src/alerts/index.js'
import { type ChannelUnderTest, channelContract } from './contract.js'
import { startReceiver } from './receiver.js'

const SIGNING = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const PATH = '/services/T000/B000/xxxxxxxxSECRETxxxxxxxx'

/** All channels that post. `commandAlerts`, which starts a process, is in command.processes.test.ts. */
const CHANNELS: Readonly<Record<string, () => Promise<ChannelUnderTest>>> = {
  webhookAlerts: () => posting((url) => webhookAlerts({ url, secret: SIGNING }), [PATH, SIGNING, SIGNING.slice(6)]),
  slackAlerts: () => posting((url) => slackAlerts({ url }), [PATH]),
}

async function posting(
  make: (url: string) => ChannelUnderTest['channel'],
  secrets: string[],
): Promise<ChannelUnderTest> {
  const receiver = await startReceiver()
  const again = () => make(receiver.url + PATH)
  return {
    channel: again(),
    again,
    arrived: async () => receiver.received.map(({ body }) => body),
    misbehave: async (how) => {
      receiver.always(how && (how === 'hang' ? 'hang' : { status: 503 }))
    },
    secrets,
    dispose: () => receiver.close(),
  }
}

for (const [name, make] of Object.entries(CHANNELS)) channelContract(name, make)
