import { ENTRIES } from './scripts/entries.mjs'

/** Installed for what is being built: a name goes from here when its first import lands. */
const AWAITED = [
  '@2captcha/captcha-solver',
  '@angular/common',
  '@angular/compiler',
  '@angular/core',
  '@angular/forms',
  '@angular/platform-browser',
  '@angular/platform-browser-dynamic',
  '@antiadmin/anticaptchaofficial',
  '@friendlycaptcha/sdk',
  '@hcaptcha/react-hcaptcha',
  '@hcaptcha/vue3-hcaptcha',
  '@marsidev/react-turnstile',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/sdk-trace-node',
  '@types/react',
  '@types/react-dom',
  '@types/selenium-webdriver',
  '@zennolab_com/capmonstercloud-client',
  'friendly-challenge',
  'ioredis',
  'ng-recaptcha',
  'rate-limiter-flexible',
  'react',
  'react-dom',
  'react-google-recaptcha',
  'react-google-recaptcha-v3',
  'rxjs',
  'selenium-webdriver',
  'socks',
  'vue',
  'webdriverio',
  'zone.js',
]

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
    // Bundled into pages by the tests beside them.
    'test/widgets/npm/apps/*',
    'examples/**/*.{ts,mjs,cjs}',
  ],
  project: ['src/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.mjs', 'test/**/*.ts'],
  // A type that explains another one of its file may be exported for its name alone.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Run by name, from scripts/check.mjs and from tests.
  ignoreDependencies: ['@arethetypeswrong/cli', '@biomejs/biome', 'dotenv-vault', 'publint', ...AWAITED],
  // Not packages: scripts/setup.mjs sees to them.
  ignoreBinaries: ['apt-get', 'mkfifo', 'openssl'],
}
