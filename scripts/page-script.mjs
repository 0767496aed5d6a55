// Code that runs inside a pageis in src/widgets/page. It is bundled into strings, at build and when tests, the
// demo and benchmarks run from source: an import of src/widgets/page/script.ts gets them.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, buildSync, version } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const PAGE = `${root}src/widgets/page`
const CACHE = join(root, 'node_modules', '.cache', 'solveguard')
const SCRIPT = /[\\/]src[\\/]widgets[\\/]page[\\/]script\.ts$/

/**
 * Properties of our own objects, written short in all scripts alike. None of them is a property of anything that a
 * browser, a page, a vendor or Node has, and none is ever named by a string.
 */
export const OWN_PROPERTIES = [
  'addHandlers',
  'addresses',
  'answer',
  'answers',
  'attribute',
  'begin',
  'byId',
  'callbackResult',
  'callbacks',
  'calls',
  'check',
  'clear',
  'container',
  'copied',
  'created',
  'defaultsToLast',
  'define',
  'describe',
  'executes',
  'executions',
  'expiresAt',
  'facts',
  'globals',
  'handlers',
  'hasToken',
  'hold',
  'holdMs',
  'hosts',
  'inElement',
  'injected',
  'isDefault',
  'isElement',
  'isElementInState',
  'isInDocument',
  'isOurs',
  'isTakenFrame',
  'isThere',
  'lastArguments',
  'lastEvent',
  'late',
  'listen',
  'logs',
  'matchesTarget',
  'microtask',
  'needsTarget',
  'objects',
  'observer',
  'onChange',
  'onConstructed',
  'onUsed',
  'ongoing',
  'original',
  'outerHtml',
  'over',
  'ownId',
  'params',
  'passOn',
  'passedTokens',
  'pending',
  'plain',
  'prototypeOf',
  'reads',
  'ready',
  'recorded',
  'renders',
  'replaced',
  'scriptEvents',
  'setCookie',
  'setPrototype',
  'setValue',
  'track',
  'trap',
  'unlisten',
  'unsearchedRoots',
  'vendorObject',
  'views',
  'watch',
  'watchAll',
  'watchMethods',
  'wrapped',
]

/** @type {import('esbuild').BuildOptions} */
const OPTIONS = {
  absWorkingDir: root,
  bundle: true,
  metafile: true,
  minify: true,
  write: false,
  target: ['chrome100', 'firefox100', 'safari15'],
  legalComments: 'none',
  charset: 'ascii',
  mangleProps: new RegExp(`^(?:${OWN_PROPERTIES.join('|')})$`),
}

/** @type {Record<string, string | false> | undefined} */
let shortNames
/** The files, by absolute path, of which something was bundled for pages. */
const files = new Set([fileURLToPath(import.meta.url), join(root, 'tsconfig.json'), join(root, 'package.json')])

/** @param {import('esbuild').BuildResult} result */
function noteFiles({ metafile }) {
  for (const file of Object.keys(metafile?.inputs ?? {})) if (file !== '<stdin>') files.add(resolve(root, file))
}

/**
 * The short names, the same in all scripts: they are free in each, as they are chosen for all of them at once. The
 * shortest are for the init script, which is in every page.
 */
function namesOfAll() {
  const entryPoints = ['init-script', 'main', 'hold-script', 'wait-script', 'families'].map(
    (name) => `${PAGE}/${name}.ts`,
  )
  const options = { ...OPTIONS, format: /** @type {const} */ ('esm'), outdir: PAGE }
  const { mangleCache = {} } = buildSync({ ...options, entryPoints: entryPoints.slice(0, 1), mangleCache: {} })
  const result = buildSync({ ...options, entryPoints, mangleCache })
  noteFiles(result)
  return result.mangleCache
}

/**
 * @param {Pick<import('esbuild').BuildOptions, 'entryPoints' | 'stdin'>} entry
 */
function bundlePage(entry) {
  shortNames ??= namesOfAll()
  const result = buildSync({ ...OPTIONS, ...entry, format: 'iife', mangleCache: { ...shortNames } })
  noteFiles(result)
  return result.outputFiles?.[0]?.text.trim() ?? ''
}

/** The init script: watches the vendors' scripts from before the page's own run. */
export function observerScript() {
  return bundlePage({ entryPoints: [`${PAGE}/init-script.ts`] })
}

/** What holds a click on a button that answers by itself. It is sent only where a policy wants that. */
export function holdScript() {
  return bundlePage({ entryPoints: [`${PAGE}/hold-script.ts`] })
}

/** What finds widgets and puts solutions in, by the families that are added to it. */
export function coreScript() {
  return bundlePage({ entryPoints: [`${PAGE}/main.ts`] })
}

/** What waits for changes. It is sent with each wait. */
export function waitScript() {
  return bundlePage({ entryPoints: [`${PAGE}/wait-script.ts`] })
}

/**
 * By family, its own script.
 * @returns {Record<string, string>}
 */
export function familyScripts() {
  const { metafile } = buildSync({ ...OPTIONS, entryPoints: [`${PAGE}/families.ts`], format: 'esm', outdir: PAGE })
  const names = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.exports)
  return Object.fromEntries(names.map((name) => [name, familyScript(name)]))
}

/**
 * Of the table, one line: what it does not use is left out, as no module has side effects (package.json).
 * @param {string} name
 */
function familyScript(name) {
  const contents = [
    `import { ${JSON.stringify(name)} as family } from './families.js'`,
    `import { addFamily } from './add-family.js'`,
    `addFamily(${JSON.stringify(name)}, family)`,
  ].join('\n')
  return bundlePage({ stdin: { contents, resolveDir: PAGE, loader: 'ts' } })
}

/**
 * The module that replaces src/widgets/page/script.ts. Bundling takes a second, and dozens of processes of a test
 * run need it: it is kept, with the hash of each file that it was made of.
 */
function moduleText() {
  const path = join(CACHE, 'page-scripts.json')
  const kept = keptText(path)
  if (kept !== undefined) return kept
  const text = bundledText()
  const hashes = Object.fromEntries([...files].map((file) => [file, hashOf(file)]))
  mkdirSync(CACHE, { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify({ version, hashes, text }))
  // Another process may be reading it.
  renameSync(draft, path)
  return text
}

/**
 * What a file of `moduleText` holds, if each file that it was made of is as it was then.
 * @param {string} path
 * @returns {string | undefined}
 */
export function keptText(path) {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8'))
    const isCurrent = Object.entries(kept.hashes).every(([file, hash]) => hashOf(file) === hash)
    return isCurrent && kept.version === version ? kept.text : undefined
  } catch {
    // There is none yet, or one of its files is gone.
    return undefined
  }
}

/** @param {string} file */
function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

function bundledText() {
  return [
    `export const observerScript = ${JSON.stringify(observerScript())}`,
    `export const holdScript = ${JSON.stringify(holdScript())}`,
    `export const coreScript = ${JSON.stringify(coreScript())}`,
    `export const waitScript = ${JSON.stringify(waitScript())}`,
    `export const familyScripts = ${JSON.stringify(familyScripts())}`,
    '',
  ].join('\n')
}

/** @type {import('esbuild').Plugin} */
export const esbuildPageScript = {
  name: 'page-script',
  setup({ onLoad }) {
    onLoad({ filter: SCRIPT }, () => ({ contents: moduleText(), loader: 'js' }))
  },
}

/** The same for Vite, and so for vitest. */
export const vitePageScript = {
  name: 'page-script',
  enforce: /** @type {const} */ ('pre'),
  /** @param {string} id */
  load(id) {
    return SCRIPT.test(id) ? moduleText() : undefined
  },
}

const LOADED_LATER = ['libsql', 'ioredis', '@opentelemetry/api', 'pino']
/** For packages that are not modules. */
const REQUIRE = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`

/**
 * Bundles one of our own TypeScript files, with packages left outside, so that plain Node can run it from source.
 * @param {string} entry path from the project's root
 * @param {string} outfile where to
 * @param {{ whole?: boolean }} [options] whether packages are bundled too, except those that are loaded on demand: a
 *   process that is started hundreds of times starts in half the time
 */
export async function bundleForNode(entry, outfile, { whole = false } = {}) {
  await build({
    entryPoints: [`${root}${entry}`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // A map of all packages is three times as long as the program, and read at each start.
    ...(whole
      ? { external: LOADED_LATER, banner: { js: REQUIRE } }
      : { packages: 'external', sourcemap: /** @type {const} */ ('inline') }),
    plugins: [esbuildPageScript],
    logLevel: 'warning',
  })
  return outfile
}
