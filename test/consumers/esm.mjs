// A user who writes ES modules. Run against the packed package by `npm run check`.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { createGuard, DeniedError, usd } from 'solveguard'
import { webhookAlerts } from 'solveguard/alerts'
import { jsonlAudit, verifyAudit } from 'solveguard/audit'
import { fileLedger } from 'solveguard/ledger'
import { guardContext } from 'solveguard/playwright'
import solveguardPlaywright from 'solveguard/playwright-extra'
import CaptchaReporter from 'solveguard/playwright-test-reporter'
import { guardContext as guardPuppeteer } from 'solveguard/puppeteer'
import solveguard from 'solveguard/puppeteer-extra'
import { fileSecret } from 'solveguard/secrets'
import { captchaAI } from 'solveguard/solvers'
import { startSolverService } from 'solveguard/testing'
import { guardContext as guardWebDriver } from 'solveguard/webdriver'

for (const value of [
  fileSecret,
  guardContext,
  guardPuppeteer,
  guardWebDriver,
  solveguard,
  solveguardPlaywright,
  CaptchaReporter,
  startSolverService,
  webhookAlerts,
])
  assert.equal(typeof value, 'function')
assert.equal(createRequire(import.meta.url)('solveguard/puppeteer-extra'), solveguard)
assert.equal(createRequire(import.meta.url)('solveguard').DeniedError, DeniedError, 'one class, however it is loaded')

const dir = process.argv[2]
const guard = await createGuard({
  name: 'consumer',
  solver: captchaAI(),
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(0.5) } },
  ledger: fileLedger({ dir }),
  audit: jsonlAudit({ dir: `${dir}/audit` }),
})
const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6Lc', pageUrl: 'data:text/html,hi' }
await assert.rejects(guard.solve(challenge), { code: 'ORIGIN_OPAQUE', layer: 'origin' })
assert.equal((await guard.status()).day.left, usd(0.5))
await guard.close()
assert.equal((await verifyAudit({ dir: `${dir}/audit` })).ok, true)
