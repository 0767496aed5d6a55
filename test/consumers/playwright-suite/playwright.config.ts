import { defineConfig } from '@playwright/test'
import { usd } from 'solveguard'
import type { CaptchaTestArgs, CaptchaWorkerArgs } from 'solveguard/playwright-test'
import { captchaAI } from 'solveguard/solvers'

const { SITE_URL = '', SERVICE_URL = '', BROWSER = '' } = process.env

export default defineConfig<CaptchaTestArgs, CaptchaWorkerArgs>({
  workers: 2,
  fullyParallel: true,
  retries: 0,
  reporter: [
    ['json', { outputFile: 'report.json' }],
    ['html', { open: 'never' }],
    ['line'],
    ['solveguard/playwright-test-reporter'],
  ],
  use: {
    baseURL: SITE_URL,
    trace: { mode: 'on', screenshots: false },
    launchOptions: { executablePath: BROWSER },
    captchaGuardOptions: {
      name: 'suite',
      solver: captchaAI({
        baseUrl: SERVICE_URL,
        pricing: { per: 'solve', usd: 0.001 },
        polling: { firstPollMs: 0, everyMs: 20 },
      }),
      policy: { origins: [SITE_URL], budget: { perDay: usd(0.003) } },
    },
  },
})
