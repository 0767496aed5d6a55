// A process whose solve is denied, or whose key is refused, and that ends without closing its guard.
import { appendFileSync, mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { functionAudit } from '../../../src/audit/function.js'
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import { createGuard } from '../../../src/guard/create.js'
import { fileLedger } from '../../../src/ledger/file.js'
import { redisLedger } from '../../../src/ledger/redis.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'

const {
  DIR: dir = '',
  REDIS_URL: url,
  SERVICE_URL: baseUrl = '',
  HOW: how,
  PAGE: pageUrl = '',
  TIMES: times,
  SLOW_AUDIT: slowAudit,
} = process.env
const folder = `${dir}/audit`
/** An audit log whose writes take a while, as those over a network do. */
const slow = functionAudit(async (records) => {
  await delay(20)
  mkdirSync(folder, { recursive: true })
  appendFileSync(`${folder}/slow.jsonl`, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
})
const value = new Secret('0123456789abcdef0123456789abcdef')
const guard = await createGuard({
  name: 'ending',
  solver: captchaAI({ baseUrl, polling: { firstPollMs: 0, everyMs: 5 } }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'] },
  ledger: url ? redisLedger({ url }) : fileLedger({ dir }),
  audit: slowAudit ? slow : jsonlAudit({ dir: folder }),
})
const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
} as const
for (let left = Number(times); left > 0; left--) {
  await guard.solve({ ...challenge, pageUrl }).catch((error: unknown) => {
    // The last one of several equal denials is still to be written when the process ends.
    if (left > 1) return
    if (how === 'process.exit') process.exit(3)
    if (how === 'an uncaught error') throw error
  })
}
