import { createRequire } from 'node:module'
import { defineConfig } from 'playwright/test'
import { usd } from 'solveguard'
import type { CaptchaTestArgs, CaptchaWorkerArgs } from 'solveguard/playwright-test'
import { captchaAI } from 'solveguard/solvers'

// In a project that has solveguard installed, write 'solveguard/playwright-test-reporter' into `reporter`. In
// solveguard's own repository, Playwright does not find it by that name.
const spending = createRequire(import.meta.url).resolve('solveguard/playwright-test-reporter')

const { SITE_URL = '', SERVICE_URL, CHROMIUM_PATH } = process.env

export default defineConfig<CaptchaTestArgs, CaptchaWorkerArgs>({
  globalSetup: './stand-ins.ts',
  workers: 2,
  fullyParallel: true,
  reporter: [['line'], [spending]],
  use: {
    baseURL: SITE_URL,
    launchOptions: { ...(CHROMIUM_PATH && { executablePath: CHROMIUM_PATH }), args: ['--no-sandbox'] },
    // One guard for each worker. All guards with this name share one budget.
    captchaGuardOptions: {
      name: 'example-suite',
      // For the real service: captchaAI(), without options.
      solver: captchaAI({
        ...(SERVICE_URL && { baseUrl: SERVICE_URL, polling: { firstPollMs: 0, everyMs: 50 } }),
        pricing: { per: 'solve', usd: 0.001 },
      }),
      policy: { origins: [SITE_URL], budget: { perDay: usd(0.01), concurrent: 4 } },
    },
    // The limits of each test.
    captchaPolicy: { budget: { perDay: usd(0.002) } },
  },
})
