// Reads replies and outputs that arrive in single bytes, several at a time, with one of this package's readers.
// Variables: URL (a server whose replies are such), READER, READS (how many). Writes how each read ended.
import { once } from 'node:events'
import { connect } from 'node:net'
import { commandAlerts, webhookAlerts } from '../../../src/alerts/index.js'
import { elasticsearchAudit } from '../../../src/audit/index.js'
import { systemClock } from '../../../src/base/clock.js'
import { createListener, loadFastify } from '../../../src/broker/listener.js'
import { readJsonLines } from '../../../src/cli/solve/lines.js'
import { createTransport } from '../../../src/egress/index.js'
import { forwardTo } from '../../../src/intercept/forward.js'
import { bodyOf } from '../../../src/intercept/listener.js'
import { awsSecret, execSecret, vaultSecret } from '../../../src/secrets/index.js'
import { Secret } from '../../../src/secrets/secret.js'

const { URL: url = '', READER = '', READS } = process.env
/** Prints a little less than the 64 KiB that a command may print. */
const program = "const { writeSync } = require('node:fs'); for (let i = 0; i < 65_000; i++) writeSync(1, 'x')"
const command = [process.execPath, '-e', program] as const
const secret = new Secret('0123456789abcdef-the-key')
const alert = { id: 'alert_1', guard: 'tests', code: 'KEY_DUE', message: 'A key is due.', at: new Date(0) } as const
const context = { clock: systemClock, signal: new AbortController().signal }

/** About 1 MiB, in chunks of one byte. */
async function* singleBytes(): AsyncGenerator<Buffer> {
  for (let i = 0; i < 1024 * 1024 - 1; i++) yield Buffer.alloc(1, 'x')
}

/** Sends a request to the listener of a broker, with a body in chunks of one byte. Resolves with what it replies. */
async function requestOfBroker(): Promise<string> {
  const { fastify } = await loadFastify()
  const handler = ({ body }: { readonly body: Buffer }) => ({ status: 200, headers: {}, body: `${body.length} bytes` })
  const listener = createListener({ fastify, handler })
  const { port } = new URL(await listener.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  let reply = ''
  socket.on('data', (chunk) => {
    reply += chunk
  })
  socket.write('POST /in.php HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n')
  const part = '1\r\nx\r\n'.repeat(1024)
  for (let i = 0; i < 1024; i++) if (!socket.write(part)) await once(socket, 'drain')
  socket.write('0\r\n\r\n')
  await once(socket, 'close')
  return reply
}

const READERS: Readonly<Record<string, () => unknown>> = {
  service: () =>
    createTransport({ baseUrl: url }).send({ path: '/in.php', encoding: 'form', keyField: 'key', fields: {} }, secret),
  'address check': () => createTransport({ baseUrl: url, expect: [{ url, ranges: ['203.0.113.7'] }] }).verify(),
  webhook: () => webhookAlerts({ url, secret: `whsec_${'a'.repeat(32)}` }).deliver(alert, context),
  vault: () => vaultSecret({ address: url, path: 'captcha', auth: { token: 'a-token' } }).fetch(),
  aws: () => awsSecret('captcha', { endpoint: url, region: 'eu-central-1' }).fetch(),
  elasticsearch: () => elasticsearchAudit({ url, timeoutMs: 60_000 }).open('tests', 0),
  'command of a secret': () => execSecret(command).fetch(),
  'request of a broker': requestOfBroker,
  'reply of a broker to a process that is led to it': () =>
    forwardTo({ kind: 'broker', url, token: 'a-token' })({ method: 'GET', url: '/', headers: {}, body: Buffer.of() }),
  'request of a process that is led to its own guard': () => bodyOf(singleBytes()),
  'line of the command solve': () => readJsonLines(singleBytes()).next(),
  'command of an alert': () => commandAlerts({ command }).deliver(alert, context),
}

const read = READERS[READER] as () => unknown
const outcome = async (): Promise<string> => {
  try {
    const result = await read()
    if (typeof result === 'string') return `ok ${result}`
    return `ok ${typeof result === 'object' && result && 'body' in result ? String(result.body).length : ''}`
  } catch (error) {
    return String(error)
  }
}
process.stdout.write(JSON.stringify(await Promise.all(Array.from({ length: Number(READS) }, outcome))))
process.exit(0)
