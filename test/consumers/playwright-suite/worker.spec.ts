import { type Grant, usd } from 'solveguard'
import { expect, test } from 'solveguard/playwright-test'
import { captchaAI } from 'solveguard/solvers'

const { SITE_URL = '', SERVICE_URL = '' } = process.env

test.use({
  captchaGuardOptions: {
    name: 'a-worker',
    solver: captchaAI({
      baseUrl: SERVICE_URL,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 0, everyMs: 20 },
    }),
    policy: { origins: [SITE_URL], budget: { perDay: usd(1) } },
  },
})

const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LcOfAHook-00000000000000000000000000000',
  pageUrl: `${SITE_URL}/?day`,
} as const

const buy = (grant: Grant) => grant.solve(challenge)

// Two at a time, in two workers, of one budget.
for (const who of ['Ada', 'Grace']) {
  test.describe(who, () => {
    test.describe.configure({ mode: 'default' })
    let ofTheHook: Grant

    test.beforeAll(async ({ captchaGuard }) => {
      await buy(captchaGuard)
      ofTheHook = captchaGuard.narrow({}, { name: 'hook' })
    })

    test.afterEach(async ({ captchaGuard }) => {
      await buy(captchaGuard)
    })

    test.afterAll(async ({ captchaGuard }) => {
      await buy(captchaGuard)
    })

    test(`${who} asks the guard`, async ({ captchaGuard }) => {
      await buy(captchaGuard)
      await buy(ofTheHook)
      const { token } = await captchaGuard.issueToken({})
      await buy(await captchaGuard.verifyToken(token))
      const leave = new AbortController()
      captchaGuard.on('submitted', () => leave.abort())
      const slow = captchaGuard.solve({ ...challenge, pageUrl: `${SITE_URL}/?day&slow` }, { signal: leave.signal })
      await expect(slow).rejects.toMatchObject({ code: 'SOLVE_ABORTED' })
    })

    test(`${who} asks the guard and captcha`, async ({ page, captcha, captchaGuard }) => {
      await buy(captchaGuard)
      await page.goto('/login?day')
      expect(await captcha.solve()).toMatchObject({ solved: [{}] })
    })

    test(`${who} asks for nothing`, async ({ captchaGuard }) => {
      expect(captchaGuard.path).toHaveLength(1)
    })
  })
}
