import { expect, test } from 'solveguard/playwright-test'
import { envSecret } from 'solveguard/secrets'
import { captchaAI } from 'solveguard/solvers'

const { SITE_URL = '', SERVICE_URL = '' } = process.env

// Runs in the worker: where the variable with the key is read, it is taken out of the environment.
test.use({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
  captchaGuardOptions: async ({}, use) =>
    use({
      name: 'own-options',
      secret: envSecret('OTHER_KEY'),
      solver: captchaAI({ baseUrl: SERVICE_URL, polling: { firstPollMs: 0, everyMs: 20 } }),
      policy: { origins: [SITE_URL] },
    }),
})

test('options made in the worker', async ({ page, captcha }) => {
  await page.goto('/login')
  expect(await captcha.solve()).toMatchObject({ solved: [{}] })
  expect(process.env.OTHER_KEY).toBe('solveguard has taken the key out of this variable')
})
