// Reads replies and outputs that arrive in single bytes, several at a time, with one of this package's readers.
// Variables: URL (a server whose replies are such), READER, READS (how many). Writes how each read ended.
import { commandAlerts, webhookAlerts } from '../../../src/alerts/index.js'
import { elasticsearchAudit } from '../../../src/audit/index.js'
import { systemClock } from '../../../src/base/clock.js'
import { createTransport } from '../../../src/egress/index.js'
import { awsSecret, execSecret, vaultSecret } from '../../../src/secrets/index.js'
import { Secret } from '../../../src/secrets/secret.js'

const { URL: url = '', READER = '', READS } = process.env
/** Prints a little less than the 64 KiB that a command may print. */
const program = "const { writeSync } = require('node:fs'); for (let i = 0; i < 65_000; i++) writeSync(1, 'x')"
const command = [process.execPath, '-e', program] as const
const secret = new Secret('0123456789abcdef-the-key')
const alert = { id: 'alert_1', guard: 'tests', code: 'KEY_DUE', message: 'A key is due.', at: new Date(0) } as const
const context = { clock: systemClock, signal: new AbortController().signal }

const READERS: Readonly<Record<string, () => unknown>> = {
  service: () =>
    createTransport({ baseUrl: url }).send({ path: '/in.php', encoding: 'form', keyField: 'key', fields: {} }, secret),
  'address check': () => createTransport({ baseUrl: url, expect: [{ url, ranges: ['203.0.113.7'] }] }).verify(),
  webhook: () => webhookAlerts({ url, secret: `whsec_${'a'.repeat(32)}` }).deliver(alert, context),
  vault: () => vaultSecret({ address: url, path: 'captcha', auth: { token: 'a-token' } }).fetch(),
  aws: () => awsSecret('captcha', { endpoint: url, region: 'eu-central-1' }).fetch(),
  elasticsearch: () => elasticsearchAudit({ url, timeoutMs: 60_000 }).open('tests', 0),
  'command of a secret': () => execSecret(command).fetch(),
  'command of an alert': () => commandAlerts({ command }).deliver(alert, context),
}

const read = READERS[READER] as () => unknown
const outcome = async (): Promise<string> => {
  try {
    const result = await read()
    return `ok ${typeof result === 'object' && result && 'body' in result ? String(result.body).length : ''}`
  } catch (error) {
    return String(error)
  }
}
process.stdout.write(JSON.stringify(await Promise.all(Array.from({ length: Number(READS) }, outcome))))
process.exit(0)
