import { mergeTests, test as plain } from '@playwright/test'
import { usd } from 'solveguard'
import { expect, test as guarded } from 'solveguard/playwright-test'

// One copy of the runner, under either of its names: fixtures of two copies would not merge.
const test = mergeTests(plain, guarded)

// Four solves in two workers, and a budget for three.
for (const path of ['/login', '/explicit', '/enterprise', '/named']) {
  test(`sign in on ${path}`, async ({ page, captcha }) => {
    await page.goto(path)
    expect(await captcha.find()).toHaveLength(1)
    const { solved } = await captcha.solve({ throwOnDenied: true })
    expect(solved).toHaveLength(1)
    await expect(page).toHaveNoCaptcha()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Welcome')
  })
}

test.describe('with a policy of its own', () => {
  test.use({ captchaPolicy: { budget: { perDay: usd(0) } } })

  test('cannot spend a cent', async ({ page, context, captcha, captchaGuard }) => {
    expect(captcha.grant.policy.budget.perDay).toBe(0)
    expect(captcha.grant.path).toHaveLength(2)
    expect(captchaGuard.policy.budget.perDay).toBe(usd(0.003))
    const other = await context.newPage()
    await other.goto('/login')
    await page.goto('/tiny')
    expect(await captcha.find()).toHaveLength(0)
    expect(await captcha.find(other)).toHaveLength(1)
    expect(await captcha.solve()).toMatchObject({ denied: [] })
    expect(await captcha.solve(other)).toMatchObject({ denied: [{ error: { code: 'BUDGET_EXHAUSTED' } }] })
    await expect(page).toHaveNoCaptcha()
    await expect(other).not.toHaveNoCaptcha()
    const failure = await expect(other)
      .toHaveNoCaptcha({ timeout: 200 })
      .catch((error: Error) => error.message)
    expect(failure).toContain('recaptcha v2-checkbox, sitekey')
    await captcha.auto().stop()
  })
})

test('a test without the captcha fixture is not guarded', async ({ page }) => {
  await page.goto('/tiny')
  expect(process.env.SOLVEGUARD_KEY).toBe('solveguard has taken the key out of this variable')
})
