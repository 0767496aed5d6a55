import { defineConfig } from 'playwright/test'

export default defineConfig({
  globalSetup: './stand-ins.ts',
  workers: 2,
  fullyParallel: true,
  reporter: 'line',
  use: {
    baseURL: process.env.SITE_URL,
    launchOptions: {
      ...(process.env.CHROMIUM_PATH && { executablePath: process.env.CHROMIUM_PATH }),
      args: ['--no-sandbox'],
    },
  },
})
