// How vitest runs the tests of a piece of `npm run mutate`.
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { vitePageScript } from '../page-script.mjs'

/**
 * The piece's tests, set by scripts/mutate.mjs. Not by Stryker's own option `testFiles`: with it, mutants of what a
 * module does when it is loaded are never active.
 */
const tests = (process.env.SOLVEGUARD_MUTATE_TESTS ?? '').split(',')

/** The order in which a piece lists its tests: a run ends at the first one that fails. */
class AsListed extends BaseSequencer {
  /**
   * @override
   * @param {import("vitest/node").TestSpecification[]} files
   */
  async sort(files) {
    const rank = (/** @type {{ moduleId: string }} */ { moduleId }) =>
      tests.findIndex((test) => moduleId.endsWith(test))
    return files.sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * A test file that cannot be loaded has failed, but none of its tests has, and Stryker looks at tests only. As an error
 * of the run it is noticed.
 * @returns {import('vitest/node').Reporter}
 */
function loadFailures() {
  /** @type {import('vitest/node').Vitest | undefined} */
  let vitest
  return {
    onInit(started) {
      vitest = started
    },
    onTestModuleEnd(file) {
      for (const { message } of file.errors()) vitest?.state.catchError(new Error(message), 'Load Error')
    },
  }
}

/**
 * Gives the first run's durations to the later ones: see quick-first.mjs.
 * @returns {import('vitest/node').Reporter}
 */
function durations() {
  /** @type {import('vitest/node').Vitest | undefined} */
  let vitest
  return {
    onInit(started) {
      vitest = started
    },
    onTestRunEnd(files) {
      const tests = files.flatMap(({ children }) => [...children.allTests()])
      vitest?.provide('durations', Object.fromEntries(tests.map((test) => [test.id, test.diagnostic()?.duration ?? 0])))
      vitest = undefined
    },
  }
}

export default defineConfig({
  plugins: [vitePageScript],
  test: {
    include: tests,
    // Each run has a thread of its own: what a module does when it is loaded is mutated too.
    isolate: false,
    reporters: [loadFailures(), durations()],
    runner: 'scripts/mutate/quick-first.mjs',
    // Stryker has a limit of its own, which counts as noticed: a slow machine must not reach one before it.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    sequence: { sequencer: AsListed },
    env: { SOLVEGUARD_KEY: '', SOLVEGUARD_STATE_DIR: '' },
    setupFiles: ['test/support/no-processes.ts', 'scripts/mutate/same-values.mjs'],
  },
})
