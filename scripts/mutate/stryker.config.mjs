// How Stryker makes mutants and runs the tests, for each piece of `npm run mutate`. No kind of mutant is excluded, and
// static ones (of what a module does when it is loaded) are run as all others: tables and schemas consist of them.
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'scripts/mutate/vitest.config.mjs', related: false },
  plugins: ['@stryker-mutator/vitest-runner', './scripts/mutate/sentences.mjs'],
  ignorers: ['sentences'],
  coverageAnalysis: 'perTest',
  // Of a working copy, what the tests of no piece need.
  ignorePatterns: ['/.stryker-tmp', '/bench', '/dist', '/examples'],
  cleanTempDir: 'always',
  concurrency: 1,
  // In addition to the time of the tests: on a busy machine they take longer, and a timeout counts as noticed.
  timeoutMS: 60_000,
  reporters: ['progress-append-only'],
  logLevel: 'warn',
  warnings: { slow: false },
}
