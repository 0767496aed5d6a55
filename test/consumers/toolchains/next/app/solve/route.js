// A server route of a Next.js application, in a server bundle. Run against the packed package by
// `npm run check -- Next`.
import { createGuard, DeniedError, usd } from 'solveguard'
import { captchaAI } from 'solveguard/solvers'

export const dynamic = 'force-dynamic'

const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6Lc' }

export async function GET() {
  const { STATE_DIR, SERVICE_URL } = process.env
  const guard = await createGuard({
    name: 'next',
    stateDir: STATE_DIR,
    policy: { origins: ['https://staging.example.com', 'https://*.qa.example.com'], budget: { perDay: usd(1) } },
    solver: captchaAI({
      baseUrl: SERVICE_URL,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 10, everyMs: 10 },
    }),
  })
  try {
    const { token } = await guard.solve({ ...challenge, pageUrl: 'https://staging.example.com/login' })
    const denial = await guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }).catch((error) => error)
    const { spent } = (await guard.status()).day
    return Response.json({ solved: token !== '', denied: denial instanceof DeniedError && denial.code, spent })
  } finally {
    await guard.close()
  }
}
