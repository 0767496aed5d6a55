import { test } from 'solveguard/playwright-test'

test('a test without captchaGuardOptions', async ({ captcha }) => {
  await captcha.solve()
})
