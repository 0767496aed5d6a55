import { ENTRIES } from './scripts/entries.mjs'

/** Shown in docs/migrating.md, whose snippets a test compiles. */
const SHOWN = ['@2captcha/captcha-solver', '@antiadmin/anticaptchaofficial']

/** @type {import('knip').KnipConfig} */
export default {
  entry: [
    ...Object.values(ENTRIES).map((file) => `src/${file}.ts`),
    'src/demo/*.ts',
    'src/cli/main.ts',
    // Bundled into strings by scripts/page-script.mjs.
    'src/widgets/page/{main,init-script,hold-script,wait-script,add-family}.ts',
    'scripts/**/*.mjs',
    'bench/{main,ledger-worker,broker-server}.ts',
    // Processes that tests start, and kill.
    'test/**/children/*.ts',
    'test/consumers/**',
    // Bundled into pages by the tests beside them.
    'test/widgets/npm/apps/*',
    'examples/**/*.{ts,mjs,cjs}',
  ],
  project: ['src/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.mjs', 'test/**/*.ts'],
  // A type that explains another one of its file may be exported for its name alone.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Run by name, from scripts/check.mjs and from tests.
  ignoreDependencies: [
    '@arethetypeswrong/cli',
    '@biomejs/biome',
    '@stryker-mutator/vitest-runner',
    // Of Jest, which scripts/toolchains.mjs fetches.
    '@jest/globals',
    'dotenv-vault',
    // Taken in the place of `ng-recaptcha`.
    'ng-recaptcha-2',
    'publint',
    // Named to typedoc.
    'typedoc-plugin-markdown',
    ...SHOWN,
  ],
  // Not packages: scripts/setup.mjs installs them.
  ignoreBinaries: ['apt-get', 'chromedriver', 'mkfifo', 'redis-cli', 'strace', 'systemd-analyze'],
}
