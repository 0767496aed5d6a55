import { defineConfig } from 'vitest/config'
import { vitePageScript } from './scripts/page-script.mjs'

export default defineConfig({
  plugins: [vitePageScript],
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Whoever runs the tests may have a real key in the environment: no test may see it.
    env: { SOLVEGUARD_KEY: '', SOLVEGUARD_STATE_DIR: '' },
  },
})
