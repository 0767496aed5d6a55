// How the files of dist/ load what they import. Each is CommonJS, made by esbuild from one file of src/.

/**
 * Files whose imports are loaded when they are first used. They are what an application loads at its start, and all
 * that they import is loaded by one call (createGuard, guardContext, parsePolicy) before it does anything. No other
 * file of ours loads another one late: a file that cannot be loaded must not become known after money was reserved.
 */
const LOADED_WHEN_USED = [
  // It takes a guard, which has loaded the same files.
  'guard/callback-handler',
  'guard/create',
  'guard/explain-policy',
  'guard/format-status',
  'policy/narrow',
  'policy/schema',
  'adapters/playwright/index',
  'adapters/puppeteer/index',
  'adapters/webdriver/index',
  'intercept/register',
]

/** Files that import a file of the user's, which may be an ES module. */
const IMPORTS_FILES_OF_USERS = ['intercept/configuration']

/** What most processes never need, and what takes longest to load. It is first used while a guard is created. */
const PACKAGES_LOADED_WHEN_USED = ['undici', 'socks', 'tldts', 'luxon']

const IMPORT = /^var (import_\w+) = require\("([^"]+)"\);$/gm

/**
 * The text of a file of dist/, changed in two ways:
 *
 * - `await import('…')` is `require('…')`. Jest runs CommonJS without `import()`, and bundlers know `require`.
 * - What is loaded when it is first used is a property that loads it.
 *
 * @param {string} file from src/, without its ending
 * @param {string} text
 */
export function withRequire(file, text) {
  const late = LOADED_WHEN_USED.includes(file)
  let changed = text
    .replaceAll(/await import\(("[^"]+")\)/g, 'require($1)')
    .replaceAll(/\(\) => import\(("[^"]+")\)/g, 'async () => require($1)')
  if (/\bimport\(/.test(changed) && !IMPORTS_FILES_OF_USERS.includes(file))
    throw new Error(`dist/${file}.js: an import() is left`)
  for (const [statement, name = '', path = ''] of [...changed.matchAll(IMPORT)]) {
    const wanted = late ? !path.startsWith('node:') : PACKAGES_LOADED_WHEN_USED.includes(path)
    if (!wanted) continue
    changed = changed
      .replaceAll(new RegExp(`\\b${name}\\.`, 'g'), `${name}.loaded.`)
      .replace(statement, `let ${name}_;\nconst ${name} = { get loaded() { return ${name}_ ??= require("${path}") } };`)
  }
  return changed
}
