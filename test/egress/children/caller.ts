// Calls a service through a proxy repeatedly, and keeps calling after the proxy has died. Reads PROXY, SERVICE and CA.
import { createTransport } from '../../../src/egress/index.js'
import { Secret } from '../../../src/secrets/secret.js'

const { PROXY, SERVICE = '', CA } = process.env
const transport = createTransport({ baseUrl: SERVICE, proxy: PROXY, ca: CA })
const call = { path: '/in.php', encoding: 'form', keyField: 'key', fields: {} } as const
const secret = new Secret('0123456789abcdef-the-key')

let failures = 0
for (let i = 0; i < 200 && failures < 3; i++) {
  const outcome = await transport.send(call, secret, { timeoutMs: 5_000 }).then(
    ({ body }) => body,
    (error: { reason: string }) => error.reason,
  )
  if (outcome !== 'OK|1') failures++
  process.stdout.write(`${outcome}\n`)
  await new Promise((resolve) => setTimeout(resolve, 20))
}
await transport.close()
