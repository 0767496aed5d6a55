// The public entries of the package: `solveguard` and its subpaths, each with the file of src/ that it shows. The build
// makes them, and the check holds package.json's `exports` to them.

/** @type {Readonly<Record<string, string>>} */
export const ENTRIES = {
  '.': 'index',
  './solvers': 'solvers/index',
  './config': 'config/index',
  './secrets': 'secrets/index',
  './ledger': 'ledger/index',
  './audit': 'audit/index',
  './alerts': 'alerts/index',
  './broker': 'broker/index',
  './tokens': 'tokens/index',
  './register': 'intercept/register',
  './testing': 'testing/index',
  './playwright': 'adapters/playwright/index',
  './playwright-test': 'adapters/playwright-test/index',
  './playwright-test-reporter': 'adapters/playwright-test/reporter',
  './puppeteer': 'adapters/puppeteer/index',
  './puppeteer-extra': 'adapters/extra/puppeteer',
  './playwright-extra': 'adapters/extra/playwright',
  './webdriver': 'adapters/webdriver/index',
}

/** The file of src/ that is the package's program. */
export const BIN = 'cli/main'

/** Entries that export nothing: they are loaded for what they do, so no other process may load them. */
export const SIDE_EFFECTS = ['intercept/register']

/** The value that `exports` in package.json must have. */
export function exportsField() {
  const entries = Object.entries(ENTRIES).map(([subpath, file]) => [
    subpath,
    {
      import: { types: `./dist/${file}.d.mts`, default: `./dist/${file}.mjs` },
      require: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
    },
  ])
  return { ...Object.fromEntries(entries), './package.json': './package.json' }
}

/**
 * The value that `typesVersions` must have: where TypeScript finds the types of the subpaths when it does not read
 * `exports`, as with `module: commonjs`.
 */
export function typesVersionsField() {
  const subpaths = Object.entries(ENTRIES).filter(([subpath]) => subpath !== '.')
  return {
    '*': Object.fromEntries(subpaths.map(([subpath, file]) => [subpath.slice('./'.length), [`./dist/${file}.d.ts`]])),
  }
}
