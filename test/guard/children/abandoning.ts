// A process that asks for a solve, and aborts it when its parent says so. It does not close its guard.

import { createGuard } from '../../../src/guard/create.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { memoryAudit } from '../../../src/testing/audit.js'

const { BROKER: broker, TOKEN: token = '', SERVICE_URL: baseUrl = '', KEY: key = '', PORT: port } = process.env
const value = new Secret(key)
const guard = broker
  ? await createGuard({ broker, token })
  : await createGuard({
      solver: captchaAI({ baseUrl, polling: { firstPollMs: 0, everyMs: 50 } }),
      secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
      policy: { origins: ['https://staging.example.com'] },
      ...(port && { callbacks: { url: `http://127.0.0.1:${port}`, listen: { port: Number(port) } } }),
      ledger: memoryLedger(),
      audit: memoryAudit(),
    })
const abort = new AbortController()
process.once('message', () => {
  abort.abort()
  process.disconnect()
})
const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
  pageUrl: 'https://staging.example.com/login',
} as const
await guard.solve(challenge, { signal: abort.signal }).catch(({ code }) => {
  if (code !== 'SOLVE_ABORTED') process.exitCode = 1
})
