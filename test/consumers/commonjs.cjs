// A user who writes CommonJS. Run against the packed package by `npm run check`.
const assert = require('node:assert/strict')
const { createGuard, DeniedError, SolveguardError, usd } = require('solveguard')
const { guardContext } = require('solveguard/playwright')
// Other packages take longest to load. They are loaded when the first guard is created.
const loaded = Object.keys(require.cache).filter((file) => !/[\\/]solveguard[\\/]dist[\\/]|commonjs\.cjs$/.test(file))
assert.deepEqual(loaded, [], 'the core and an adapter load no other package')
const { captchaAI } = require('solveguard/solvers')
const { awsSecret, envSecret, fileSecret } = require('solveguard/secrets')
const { memoryLedger, fileLedger, redisLedger } = require('solveguard/ledger')
const { jsonlAudit, verifyAudit } = require('solveguard/audit')
const { commandAlerts, slackAlerts } = require('solveguard/alerts')
const { startSolverService } = require('solveguard/testing')
const { guardContext: guardPuppeteer } = require('solveguard/puppeteer')
const solveguard = require('solveguard/puppeteer-extra')
const solveguardPlaywright = require('solveguard/playwright-extra')
const { guardContext: guardWebDriver } = require('solveguard/webdriver')
const { default: CaptchaReporter } = require('solveguard/playwright-test-reporter')

const named = {
  envSecret,
  fileSecret,
  fileLedger,
  jsonlAudit,
  commandAlerts,
  slackAlerts,
  verifyAudit,
  guardContext,
  startSolverService,
  CaptchaReporter,
  guardPuppeteer,
  guardWebDriver,
  solveguard,
  solveguardPlaywright,
}
for (const [name, value] of Object.entries(named)) assert.equal(typeof value, 'function', name)

assert.equal(solveguard.default, solveguard, 'callable as it was required, and by its name for compilers')

async function main() {
  const es = await import('solveguard')
  assert.equal(es.DeniedError, DeniedError, 'one class, however it is loaded')
  assert.equal((await import('solveguard/ledger')).memoryLedger, memoryLedger)

  // Neither package is installed here; both are named with what to do.
  await assert.rejects(async () => redisLedger({ url: 'redis://127.0.0.1:1' }).open(), /npm install ioredis/)
  const inAws = awsSecret('captchaai', { region: 'eu-central-1' })
  await assert.rejects(async () => inAws.fetch(), /npm install @aws-sdk\/client-secrets-manager/)

  const stateDir = process.argv[2]
  const origins = ['https://staging.example.com']
  const policy = { origins, budget: { perDay: usd(1) } }
  const guard = await createGuard({ name: 'consumer', solver: captchaAI(), policy, ledger: memoryLedger(), stateDir })
  const challenge = {
    family: 'recaptcha',
    variant: 'v2-checkbox',
    sitekey: '6Lc',
    pageUrl: 'https://elsewhere.example/',
  }
  await assert.rejects(guard.solve(challenge), (error) => {
    assert.ok(error instanceof DeniedError && error instanceof SolveguardError && error instanceof es.SolveguardError)
    assert.equal(error.code, 'ORIGIN_NOT_NAMED')
    return true
  })
  await guard.close()
}

main()
