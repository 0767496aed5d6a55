import { expect, test } from 'solveguard/playwright-test'

for (const path of ['/login', '/explicit', '/enterprise']) {
  test(`sign in on ${path}`, async ({ page, captcha }) => {
    await page.goto(path)
    const { solved } = await captcha.solve()
    expect(solved).toHaveLength(1)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Welcome')
  })
}
