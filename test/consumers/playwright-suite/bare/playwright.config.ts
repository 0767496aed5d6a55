import { defineConfig } from '@playwright/test'

const { SITE_URL = '', BROWSER = '' } = process.env
const HANGS = '**/ledger-hangs.spec.ts'

export default defineConfig({
  reporter: [['json', { outputFile: '../report.json' }], ['line'], ['solveguard/playwright-test-reporter']],
  use: { baseURL: SITE_URL, launchOptions: { executablePath: BROWSER } },
  projects: [{ testIgnore: HANGS }, { name: 'short', testMatch: HANGS, timeout: 1_000 }],
})
