import { expect, test } from 'solveguard/playwright-test'
import { routeVendors, standInAddresses } from 'solveguard/testing'

test.beforeEach(async ({ context }, { project }) => {
  // With the stand-ins in place of the key, the fixture does so by itself.
  if (project.name !== 'stand-ins') await routeVendors(context, standInAddresses().vendors)
})

for (const who of ['Ada', 'Grace']) {
  test(`${who} signs in`, async ({ page, captcha }) => {
    await page.goto('/login')
    await captcha.waitFor()
    const { solved } = await captcha.solve()
    expect(solved).toHaveLength(1)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Welcome from 127.0.0.1')
  })
}
