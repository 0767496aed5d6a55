import { defineConfig } from '@playwright/test'
import type { CaptchaTestArgs, CaptchaWorkerArgs, WithoutKey } from 'solveguard/playwright-test'
import { standInServer } from 'solveguard/testing'

const { BROWSER = '', SHOP_PORT = '' } = process.env
const SHOP = `http://127.0.0.1:${SHOP_PORT}`

const standIns = standInServer()
const guard = (withoutKey: WithoutKey) => ({
  name: `shop-${withoutKey}`,
  policy: { origins: [SHOP], egress: { proxy: 'http://127.0.0.1:1' } },
  withoutKey,
})

export default defineConfig<CaptchaTestArgs, CaptchaWorkerArgs>({
  workers: 2,
  fullyParallel: true,
  reporter: [['json', { outputFile: '../report.json' }], ['line'], ['solveguard/playwright-test-reporter']],
  webServer: [
    standIns.webServer,
    {
      command: 'node shop.mjs',
      url: `${SHOP}/health`,
      env: {
        PORT: SHOP_PORT,
        RECAPTCHA_VERIFY_URL: standIns.verifyUrl('recaptcha'),
        RECAPTCHA_SECRET: standIns.secretFor('6LcOfTheShop-0000000000000000000000000000'),
      },
    },
  ],
  use: { baseURL: SHOP, launchOptions: { executablePath: BROWSER } },
  projects: (['fail', 'skip', 'stand-ins'] as const).map((name) => ({
    name,
    use: { captchaGuardOptions: guard(name) },
  })),
})
