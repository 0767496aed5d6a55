// npm run build: src/ to dist/. There is one implementation, in CommonJS, and a thin ES module over each public entry.
// So `require` and `import` in one process share their classes and their state, and `instanceof` works across them.
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { withRequire } from './dist-imports.mjs'
import { BIN, ENTRIES } from './entries.mjs'
import { ensurePackages, root } from './setup.mjs'

ensurePackages()
const esbuild = await import('esbuild')
const { coreScript, esbuildPageScript, familyScripts, holdScript, observerScript, waitScript } = await import(
  './page-script.mjs'
)
const require = createRequire(import.meta.url)

const FIND_BROWSER = 'scripts/find-browser.mjs'

process.chdir(root)
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
const files = await implementation()
declarations()
for (const file of Object.values(ENTRIES)) {
  callable(file)
  esmWrapper(file)
}
report(files)

/** Every file that the public entries need at run time, one by one, so that entries share modules. */
async function implementation() {
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
    entryPoints: [...Object.values(ENTRIES), BIN].map((file) => `src/${file}.ts`),
    outdir: 'dist',
    bundle: true,
    packages: 'external',
    metafile: true,
    write: false,
  })
  const inputs = Object.keys(reach.metafile?.inputs ?? {}).map((file) => file.replace(/^page-script:/, ''))
  const entryPoints = inputs.filter((file) => file.startsWith('src/'))
  await esbuild.build({ ...common, entryPoints, outdir: 'dist', outbase: 'src' })
  for (const path of entryPoints) {
    const file = path.replace(/^src\/|\.ts$/g, '')
    writeFileSync(`dist/${file}.js`, withRequire(file, readFileSync(`dist/${file}.js`, 'utf8')))
  }
  await findsBrowsers(common)
  return entryPoints
}

/**
 * The demo finds browsers as the project's scripts do, by a file of theirs.
 * @param {import('esbuild').BuildOptions} common
 */
async function findsBrowsers(common) {
  await esbuild.build({ ...common, entryPoints: [FIND_BROWSER], outfile: 'dist/demo/find-browser.js' })
  for (const [file, change] of /** @type {const} */ ([
    ['demo/demo', (/** @type {string} */ text) => text.replace(`../../${FIND_BROWSER}`, './find-browser.js')],
    ['demo/find-browser', (/** @type {string} */ text) => withRequire('demo/find-browser', text)],
  ])) {
    writeFileSync(`dist/${file}.js`, change(readFileSync(`dist/${file}.js`, 'utf8')))
  }
}

/** Declarations, as CommonJS has them. */
function declarations() {
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

/**
 * Where an entry has a default export, `require` returns that, with all names on it: CommonJS users call the result.
 * @param {string} file
 */
function callable(file) {
  if (!/^export default /m.test(readFileSync(`src/${file}.ts`, 'utf8'))) return
  const whole = 'Object.defineProperty(Object.assign(exports.default, exports), "__esModule", { value: true })'
  appendFileSync(`dist/${file}.js`, `{ const { exports } = module; module.exports = ${whole} }\n`)
}

/**
 * The ES module of an entry: the same names, from the same objects.
 * @param {string} file
 */
function esmWrapper(file) {
  const all = Object.keys(require(`${root}dist/${file}.js`)).sort()
  const from = `./${basename(file)}.js`
  const names = all.filter((name) => name !== 'default')
  const list = names.length > 0 ? `export const { ${names.join(', ')} } = entry\n` : ''
  const whole = all.length > names.length
  writeFileSync(
    `dist/${file}.mjs`,
    `import entry from '${from}'\n${list}${whole ? 'export default entry.default\n' : ''}`,
  )
  const typed = `import entry from '${from}'\ndeclare const whole: typeof entry.default\nexport default whole\n`
  writeFileSync(`dist/${file}.d.mts`, `${whole ? typed : ''}export * from '${from}'\n`)
}

/** @param {readonly string[]} files */
function report(files) {
  const kib = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} KiB`
  const sum = files.reduce((total, file) => total + statSync(file.replace(/^src/, 'dist').replace(/ts$/, 'js')).size, 0)
  console.log(`code            ${kib(sum)} in ${files.length} files, ${Object.keys(ENTRIES).length} entries`)
  const scripts = {
    'observer script': observerScript(),
    'hold script': holdScript(),
    'core script': coreScript(),
    'wait script': waitScript(),
    ...familyScripts(),
  }
  for (const [name, text] of Object.entries(scripts)) {
    console.log(`${name.padEnd(15)} ${kib(text.length)}, ${kib(gzipSync(text).length)} compressed`)
  }
}
