import { redisLedger } from 'solveguard/ledger'
import { expect, test } from 'solveguard/playwright-test'

const { SITE_URL = '' } = process.env

test.use({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
  captchaGuardOptions: async ({}, use) =>
    use({ name: 'down', ledger: redisLedger({ url: 'redis://127.0.0.1:1' }), policy: { origins: [SITE_URL] } }),
})

test('a test without a CAPTCHA needs no ledger', async ({ page }) => {
  await page.goto('/tiny')
  expect(process.env.SOLVEGUARD_KEY).not.toContain('k3y')
})

test('a test with a CAPTCHA needs the ledger', async ({ captcha }) => {
  await captcha.solve()
})
