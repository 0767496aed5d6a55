// A user of Jest whose TypeScript is compiled to CommonJS. Run against the packed package by `npm run check`.
import { expect, test } from '@jest/globals'
import { createGuard, DeniedError, SolveguardError, usd } from 'solveguard'
import { verifyAudit } from 'solveguard/audit'
import { captchaAI } from 'solveguard/solvers'
import { startSolverService } from 'solveguard/testing'

const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6Lc' } as const

test('a solve and a denial', async () => {
  const stateDir = process.env.STATE_DIR ?? ''
  const service = await startSolverService({ price: 0.001, solveMs: 20 })
  process.env.SOLVEGUARD_KEY = service.key
  const guard = await createGuard({
    stateDir,
    policy: { origins: ['https://staging.example.com', 'https://*.qa.example.com'], budget: { perDay: usd(1) } },
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 10, everyMs: 10 },
    }),
  })
  try {
    const { token } = await guard.solve({ ...challenge, pageUrl: 'https://staging.example.com/login' })
    expect(token).toBeTruthy()
    const error = await guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(DeniedError)
    expect(error).toBeInstanceOf(SolveguardError)
  } finally {
    await guard.close()
    await service.close()
  }
  expect(await verifyAudit({ dir: `${stateDir}/audit` })).toMatchObject({ ok: true })
})
