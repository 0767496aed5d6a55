import { usd } from 'solveguard'
import { guardContext } from 'solveguard/playwright'
import { expect, test as guarded } from 'solveguard/playwright-test'
import { captchaAI } from 'solveguard/solvers'

const { SITE_URL = '', SERVICE_URL = '' } = process.env

const test = guarded.extend<{ elapsed: () => number }>({
  elapsed: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
    async ({}, use) => {
      const start = performance.now()
      await use(() => performance.now() - start)
    },
    { auto: true },
  ],
})

test.use({
  captchaGuardOptions: {
    name: 'a-day',
    solver: captchaAI({
      baseUrl: SERVICE_URL,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 0, everyMs: 20 },
    }),
    policy: { origins: [SITE_URL], budget: { perDay: usd(1) } },
  },
})

test('a solve may take longer than the test has left', async ({ page, captcha, elapsed }) => {
  await page.goto('/login?day&slow')
  const timeout = Math.ceil(elapsed()) + 2_000
  test.setTimeout(timeout)
  const before = elapsed()
  expect(await captcha.solve()).toMatchObject({ solved: [{}] })
  const took = elapsed() - before
  expect(took).toBeGreaterThan(3_000)
  expect(test.info().timeout).toBeLessThanOrEqual(timeout + Math.ceil(took))
})

test.describe('with its time not given back', () => {
  test.use({ captchaOptions: { extendTimeout: false } })

  test('a solve takes the time of the test', async ({ page, captcha, elapsed }) => {
    await page.goto('/login?day&slow')
    test.setTimeout(Math.ceil(elapsed()) + 2_000)
    await captcha.solve()
  })
})

test('everything that was bought', async ({ page, browser, captcha }) => {
  await page.goto('/picture?day')
  await captcha.solveImage(page.locator('#captcha'), { into: page.locator('#answer') })
  await page.goto('/picture/grid?day')
  await captcha.solveGrid({ cells: await page.locator('.cell').all(), instruction: page.locator('#instruction') })
  const solving = captcha.auto({ maxSolves: 1 })
  await page.goto('/login?day')
  await solving.ended
  expect(await captcha.solve()).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
  // Of the test's own budget too, by a call that no report of a widget has.
  const context = await browser.newContext()
  const other = await guardContext(captcha.grant, context)
  const further = await context.newPage()
  await further.goto(`${SITE_URL}/login?day`)
  expect(await other.solve(further)).toMatchObject({ solved: [{}] })
  await context.close()
  await captcha.grant.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey: 'x', pageUrl: `${SITE_URL}/?day` })
})

test.describe('with a budget for nothing', () => {
  test.use({ captchaPolicy: { budget: { perDay: usd(0) } } })

  test('a denial is reported where the test fails', async ({ page, captcha }) => {
    await page.goto('/login?day')
    await captcha.solve()
    await expect(page).toHaveNoCaptcha({ timeout: 200 })
  })
})

test('a test that asks whether there is a key is not skipped', async ({ captcha }) => {
  test.skip(!process.env.SOLVEGUARD_KEY, 'no key')
  expect(await captcha.find()).toHaveLength(0)
})
