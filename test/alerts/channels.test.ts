import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandAlerts, slackAlerts, webhookAlerts } from '../../src/alerts/index.js'
import { type ChannelUnderTest, channelContract } from './contract.js'
import { startReceiver } from './receiver.js'

const SIGNING = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const PATH = '/services/T000/B000/xxxxxxxxSECRETxxxxxxxx'

/** Every channel there is. A new one is a line here. */
const CHANNELS: Readonly<Record<string, () => Promise<ChannelUnderTest>>> = {
  webhookAlerts: () => posting((url) => webhookAlerts({ url, secret: SIGNING }), [PATH, SIGNING, SIGNING.slice(6)]),
  slackAlerts: () => posting((url) => slackAlerts({ url }), [PATH]),
  commandAlerts: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'solveguard-alerts-'))
    const [file, how] = [join(folder, 'arrived'), join(folder, 'how')]
    writeFileSync(file, '')
    writeFileSync(how, '')
    const code = `
      const { appendFileSync, readFileSync } = require('fs')
      const [file, how] = ['arrived', 'how']
      const told = readFileSync(0, 'utf8')
      if (readFileSync(how, 'utf8') === 'refuse') process.exit(7)
      if (readFileSync(how, 'utf8') === 'hang') setInterval(() => {}, 1000)
      else appendFileSync(file, told)`
    const token = 'a-token-of-the-users-own'
    const make = () => commandAlerts({ command: [process.execPath, '-e', code, token], cwd: folder })
    return {
      channel: make(),
      again: make,
      arrived: async () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
      misbehave: async (as) => writeFileSync(how, as ?? ''),
      secrets: [token],
      dispose: async () => rmSync(folder, { recursive: true }),
    }
  },
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
