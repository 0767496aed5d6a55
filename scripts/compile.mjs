// src/ to JavaScript. There is one implementation, in CommonJS, and a thin ES module over each public entry. So
// `require` and `import` in one process share their classes and their state, and `instanceof` works across them.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import * as esbuild from 'esbuild'
import { withRequire } from './dist-imports.mjs'
import { BIN, ENTRIES, SIDE_EFFECTS } from './entries.mjs'
import { esbuildPageScript } from './page-script.mjs'
import { root } from './setup.mjs'
import { bundleVendored, VENDORED, withVendored } from './vendor.mjs'

const require = createRequire(import.meta.url)
const FIND_BROWSER = 'scripts/find-browser.mjs'

/**
 * Writes all of the package but its declarations of types.
 * @param {string} outdir an absolute path
 * @param {readonly string[]} entries the files of the entries that are needed
 * @param {string} [bin] the file of the program
 */
export async function compile(outdir, entries = Object.values(ENTRIES), bin = BIN) {
  mkdirSync(outdir, { recursive: true })
  writeFileSync(`${outdir}/package.json`, '{ "type": "commonjs" }\n')
  const files = await implementation(outdir, bin ? [...entries, bin] : entries)
  for (const file of entries) {
    callable(outdir, file)
    esmWrapper(outdir, file)
  }
  return files
}

/**
 * Every file that the public entries need at run time, one by one, so that entries share modules.
 * @param {string} outdir
 * @param {readonly string[]} entries
 */
async function implementation(outdir, entries) {
  /** @type {import('esbuild').BuildOptions} */
  const common = {
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // What ES modules know themselves by, as CommonJS has it.
    define: { 'import.meta.filename': '__filename' },
    plugins: [esbuildPageScript],
    logLevel: 'warning',
  }
  const reach = await esbuild.build({
    ...common,
    absWorkingDir: root,
    entryPoints: entries.map((file) => `src/${file}.ts`),
    outdir,
    bundle: true,
    packages: 'external',
    metafile: true,
    write: false,
  })
  const inputs = Object.keys(reach.metafile?.inputs ?? {}).map((file) => file.replace(/^page-script:/, ''))
  const entryPoints = inputs.filter((file) => file.startsWith('src/'))
  await esbuild.build({ ...common, absWorkingDir: root, entryPoints, outdir, outbase: 'src' })
  for (const path of entryPoints) {
    const file = path.replace(/^src\/|\.ts$/g, '')
    const text = withRequire(file, readFileSync(`${outdir}/${file}.js`, 'utf8'))
    writeFileSync(`${outdir}/${file}.js`, withVendored(file, text))
  }
  const imports = Object.values(reach.metafile?.inputs ?? {}).flatMap((input) => input.imports)
  refuseUnshipped(imports.filter(({ external }) => external).map(({ path }) => path))
  const vendored = VENDORED.filter((name) => imports.some(({ path }) => path === name))
  if (vendored.length > 0) await bundleVendored(outdir, vendored)
  if (inputs.includes(FIND_BROWSER)) await findsBrowsers(outdir, common)
  return entryPoints
}

/**
 * A package that is neither installed with this one nor bundled would be missing at its users'.
 * @param {readonly string[]} paths what is imported
 */
function refuseUnshipped(paths) {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const shipped = Object.keys({ ...dependencies, ...peerDependencies })
  const missing = paths.filter(
    (path) =>
      !/^(node:|\.|<)/.test(path) &&
      !VENDORED.includes(path) &&
      !shipped.some((name) => path === name || path.startsWith(`${name}/`)),
  )
  if (missing.length > 0) throw new Error(`Add to VENDORED in scripts/vendor.mjs: ${[...new Set(missing)].join(', ')}`)
}

/**
 * The demo finds browsers as the project's scripts do, by a file of theirs.
 * @param {string} outdir
 * @param {import('esbuild').BuildOptions} common
 */
async function findsBrowsers(outdir, common) {
  const outfile = `${outdir}/demo/find-browser.js`
  await esbuild.build({ ...common, absWorkingDir: root, entryPoints: [FIND_BROWSER], outfile })
  for (const [file, change] of /** @type {const} */ ([
    ['demo/browser', (/** @type {string} */ text) => text.replace(`../../${FIND_BROWSER}`, './find-browser.js')],
    ['demo/find-browser', (/** @type {string} */ text) => withRequire('demo/find-browser', text)],
  ])) {
    writeFileSync(`${outdir}/${file}.js`, change(readFileSync(`${outdir}/${file}.js`, 'utf8')))
  }
}

/**
 * Where an entry has a default export, `require` returns that, with all names on it: CommonJS users call the result.
 * @param {string} outdir
 * @param {string} file
 */
function callable(outdir, file) {
  if (!/^export default /m.test(readFileSync(`${root}src/${file}.ts`, 'utf8'))) return
  const whole = 'Object.defineProperty(Object.assign(exports.default, exports), "__esModule", { value: true })'
  appendFileSync(`${outdir}/${file}.js`, `{ const { exports } = module; module.exports = ${whole} }\n`)
}

/**
 * The ES module of an entry: the same names, from the same objects.
 * @param {string} outdir
 * @param {string} file
 */
function esmWrapper(outdir, file) {
  const from = `./${basename(file)}.js`
  if (SIDE_EFFECTS.includes(file)) {
    writeFileSync(`${outdir}/${file}.mjs`, `import '${from}'\n`)
    writeFileSync(`${outdir}/${file}.d.mts`, 'export {}\n')
    return
  }
  const all = Object.keys(require(`${outdir}/${file}.js`)).sort()
  const names = all.filter((name) => name !== 'default')
  const list = names.length > 0 ? `export const { ${names.join(', ')} } = entry\n` : ''
  const whole = all.length > names.length
  writeFileSync(
    `${outdir}/${file}.mjs`,
    `import entry from '${from}'\n${list}${whole ? 'export default entry.default\n' : ''}`,
  )
  // Where a bundler finds the module, `entry` is what that exports by default; where Node does, it is the module.
  const type = 'typeof entry extends { default: infer Whole } ? Whole : typeof entry'
  const typed = `import entry from '${from}'\ndeclare const whole: ${type}\nexport default whole\n`
  writeFileSync(`${outdir}/${file}.d.mts`, `${whole ? typed : ''}export * from '${from}'\n`)
}
