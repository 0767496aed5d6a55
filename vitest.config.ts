import { defineConfig } from 'vitest/config'
import { vitePageScript } from './scripts/page-script.mjs'
import { TestOrder } from './test/support/order.js'

const PAGES = 'test/**/*.pages.test.ts'
const TEMPORARY = 'test/support/temporary-folder.ts'
const PROCESSES = 'test/**/*.processes.test.ts'
const FAULTS = 'test/**/*.faults.test.ts'

export default defineConfig({
  plugins: [vitePageScript],
  test: {
    pool: 'forks',
    // Many tests wait more than they compute: on two cores, four processes are faster than two.
    maxWorkers: 4,
    sequence: { sequencer: TestOrder },
    // No limit is there to find what is slow: on a busy machine, each of these may take its time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // The environment may hold a real key: no test may see it.
    env: { SOLVEGUARD_KEY: '', SOLVEGUARD_STATE_DIR: '' },
    projects: [
      // Neither a browser nor another process.
      {
        extends: true,
        test: {
          name: 'core',
          // No `exclude`: it would take the place of the command line's.
          include: ['test/**/!(*.pages|*.processes|*.faults).test.ts'],
          // One process for many files: importing anew for each takes longer than the tests.
          isolate: false,
          setupFiles: [TEMPORARY, 'test/support/no-processes.ts'],
        },
      },
      // A browser.
      {
        extends: true,
        test: {
          name: 'pages',
          include: [PAGES],
          isolate: false,
          setupFiles: [TEMPORARY],
          globalSetup: ['test/support/browser-server.ts'],
        },
      },
      // Child processes, Redis, proxies, secrets stores, the demo, Playwright Test.
      { extends: true, test: { name: 'processes', include: [PROCESSES], isolate: false, setupFiles: [TEMPORARY] } },
      // Processes whose calls fail. Only where `--project faults` asks for it: see scripts/test.mjs.
      {
        extends: true,
        test: {
          name: 'faults',
          include: [FAULTS],
          isolate: false,
          setupFiles: [TEMPORARY],
          // A sweep takes as long as it takes: each of its processes has a limit of its own.
          testTimeout: 24 * 3_600_000,
        },
      },
    ],
  },
})
