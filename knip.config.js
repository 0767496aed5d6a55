import { ENTRIES } from './scripts/entries.mjs'

/** @type {import('knip').KnipConfig} */
export default {
  entry: [
    ...Object.values(ENTRIES).map((file) => `src/${file}.ts`),
    'src/cli/*.ts',
    // Bundled into strings by scripts/page-script.mjs.
    'src/widgets/page/{main,observer}.ts',
    'scripts/*.mjs',
    'bench/{main,ledger-worker}.ts',
    // Processes that tests start, and kill.
    'test/**/children/*.ts',
    'test/consumers/**',
    'examples/**/*.{ts,mjs,cjs}',
  ],
  project: ['src/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.mjs', 'test/**/*.ts'],
  // A type that explains another one of its file may be exported for its name alone.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Run by name, from scripts/check.mjs.
  ignoreDependencies: ['@arethetypeswrong/cli', '@biomejs/biome', 'publint'],
  // Not packages: scripts/setup.mjs sees to them.
  ignoreBinaries: ['apt-get', 'mkfifo', 'openssl'],
}
