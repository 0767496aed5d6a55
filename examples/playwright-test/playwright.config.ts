import { createRequire } from 'node:module'
import { defineConfig } from 'playwright/test'
import { usd } from 'solveguard'
import type { CaptchaTestArgs, CaptchaWorkerArgs } from 'solveguard/playwright-test'
import { standInServer } from 'solveguard/testing'

// In a project that has solveguard installed, write 'solveguard/playwright-test-reporter' into `reporter`. In
// solveguard's own repository, Playwright does not find it by that name.
const spending = createRequire(import.meta.url).resolve('solveguard/playwright-test-reporter')

// This example never spends. Your own suite does not have this line.
delete process.env.SOLVEGUARD_KEY

const { CHROMIUM_PATH, SHOP_PORT = '4180' } = process.env
const SHOP = `http://127.0.0.1:${SHOP_PORT}`
const SITEKEY = '6LcOfTheShop-0000000000000000000000000000'
const standIns = process.env.SOLVEGUARD_KEY ? undefined : standInServer()

export default defineConfig<CaptchaTestArgs, CaptchaWorkerArgs>({
  // Your own application. Without a key, it verifies the tokens with the stand-in of the vendor.
  webServer: [
    ...(standIns ? [standIns.webServer] : []),
    {
      command: 'node shop.mjs',
      url: SHOP,
      env: {
        PORT: SHOP_PORT,
        ...(standIns && {
          RECAPTCHA_VERIFY_URL: standIns.verifyUrl('recaptcha'),
          RECAPTCHA_SECRET: standIns.secretFor(SITEKEY),
        }),
      },
    },
  ],
  workers: 2,
  fullyParallel: true,
  reporter: [['line'], [spending]],
  use: {
    baseURL: SHOP,
    launchOptions: { ...(CHROMIUM_PATH && { executablePath: CHROMIUM_PATH }), args: ['--no-sandbox'] },
    // One guard for each worker. All guards with this name share one budget.
    captchaGuardOptions: {
      name: 'example-suite',
      policy: { origins: [SHOP], budget: { perDay: usd(0.01), concurrent: 4 } },
      withoutKey: 'stand-ins',
    },
    // The limits of each test.
    captchaPolicy: { budget: { perDay: usd(0.002) } },
  },
})
