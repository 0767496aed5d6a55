import { redisLedger } from 'solveguard/ledger'
import { test } from 'solveguard/playwright-test'

const { SITE_URL = '', SILENT_URL = '' } = process.env

test.use({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
  captchaGuardOptions: async ({}, use) =>
    use({
      name: 'hangs',
      ledger: redisLedger({ url: SILENT_URL, commandTimeoutMs: 1_500 }),
      policy: { origins: [SITE_URL] },
    }),
})

test('a ledger that does not answer within the timeout of the test', async ({ captcha }) => {
  await captcha.solve()
})
