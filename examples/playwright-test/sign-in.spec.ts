import { expect, test } from 'solveguard/playwright-test'

for (const who of ['Ada', 'Grace']) {
  test(`${who} signs in`, async ({ page, captcha }) => {
    await page.goto('/login')
    await captcha.waitFor()
    await captcha.solve()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Welcome')
  })
}
