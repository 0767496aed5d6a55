import { defineConfig } from '@playwright/test'

const { SITE_URL = '', BROWSER = '' } = process.env

export default defineConfig({
  reporter: [['json', { outputFile: '../report.json' }], ['line'], ['solveguard/playwright-test-reporter']],
  use: { baseURL: SITE_URL, launchOptions: { executablePath: BROWSER } },
})
