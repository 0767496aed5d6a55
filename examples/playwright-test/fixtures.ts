import { test as base, type Page } from 'playwright/test'
import { createGuard, type Guard, usd } from 'solveguard'
import { type Captcha, guardContext } from 'solveguard/playwright'
import { captchaAI } from 'solveguard/solvers'

/** `captcha` for each test; one guard for each worker. All workers share the budget named here. */
export const test = base.extend<{ captcha: Captcha<Page> }, { guard: Guard }>({
  guard: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
    async ({}, use) => {
      const { SITE_URL = '', SERVICE_URL } = process.env
      const guard = await createGuard({
        name: 'example-suite',
        // With the real service: captchaAI(), and no more.
        solver: captchaAI({
          ...(SERVICE_URL && { baseUrl: SERVICE_URL, patience: { firstPollMs: 0, everyMs: 50 } }),
          pricing: { per: 'solve', usd: 0.001 },
        }),
        policy: { origins: [SITE_URL], budget: { perDay: usd(0.01), concurrent: 4 } },
      })
      await use(guard)
      await guard.close()
    },
    // Before all else: it takes the key out of the environment, which a browser started earlier would have inherited.
    { scope: 'worker', auto: true },
  ],
  captcha: async ({ guard, context }, use, info) => {
    const captcha = await guardContext(guard, context, { budget: { perDay: usd(0.002) } }, { subject: info.title })
    await use(captcha)
    await captcha.close()
  },
})

export { expect } from 'playwright/test'
