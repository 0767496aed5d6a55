// Three challenges with a budget for two, without a browser. On stand-ins:
// node examples/script/without-a-browser.mjs
import { createGuard, formatUsd, usd } from 'solveguard'
import { memoryLedger } from 'solveguard/ledger'
import { captchaAI } from 'solveguard/solvers'
import { memoryAudit, startSolverService } from 'solveguard/testing'

const service = await startSolverService({ price: 0.001 })
process.env.SOLVEGUARD_KEY = service.key

const guard = await createGuard({
  name: 'example',
  // For the real service: captchaAI(), without options.
  solver: captchaAI({
    baseUrl: service.url,
    pricing: { per: 'solve', usd: 0.001 },
    polling: { firstPollMs: 0, everyMs: 10 },
  }),
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(0.002) } },
  // By default, both are files in .solveguard, shared by all processes of this machine.
  ledger: memoryLedger(),
  audit: memoryAudit(),
})

const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
  pageUrl: 'https://staging.example.com/login',
}
for await (const done of guard.stream([challenge, challenge, challenge])) {
  console.log(done.ok ? `solved for ${formatUsd(done.solution.cost)}` : `${done.error.code}: ${done.error.message}`)
}
await guard.close()
await service.close()
