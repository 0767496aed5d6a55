// Packages that only commands need. They are bundled into dist/cli/vendor, one file each, so that none of them is
// installed with this package. Our own modules stay what they are, one file each: a class has one identity, whether a
// command or an application loads it.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import * as esbuild from 'esbuild'
import { root } from './setup.mjs'

/** What may be bundled, as it is imported. */
export const VENDORED = [
  'commander',
  '@clack/prompts',
  '@bomb.sh/tab/commander',
  'c12',
  'fastify',
  'pino',
  '@observablehq/plot',
  'linkedom',
]

/** The folders of src/ whose files may import them. */
export const COMMAND_FOLDERS = ['cli', 'report']

const FOLDER = 'cli/vendor'

/** What these packages load for features that no command uses: other formats of files, downloads, watching. */
const NEVER_LOADED = ['giget', 'chokidar', 'ohash', 'ohash/utils', 'confbox/yaml', 'confbox/toml', 'confbox/json5']

/**
 * The compiler for TypeScript of `jiti` (of `c12`) is 1.4 MB and loaded when a configuration is written in it: it stays
 * a file of its own.
 * @type {(outdir: string) => import('esbuild').Plugin}
 */
const separateCompiler = (outdir) => ({
  name: 'separate-compiler',
  setup(build) {
    build.onLoad({ filter: /[\\/]jiti[\\/]lib[\\/]jiti\.mjs$/ }, ({ path }) => {
      copyFileSync(join(dirname(path), '../dist/babel.cjs'), `${outdir}/${FOLDER}/babel.cjs`)
      return { contents: readFileSync(path, 'utf8').replaceAll('../dist/babel.cjs', './babel.cjs'), loader: 'js' }
    })
  },
})

/**
 * A file of dist/ in which what is bundled is loaded from there.
 * @param {string} file from src/, without its ending
 * @param {string} text its JavaScript, in CommonJS
 */
export function withVendored(file, text) {
  if (!COMMAND_FOLDERS.includes(file.split('/')[0] ?? '')) return text
  return text.replaceAll(/\brequire\("([^"]+)"\)/g, (call, name) => {
    if (!VENDORED.includes(name)) return call
    const path = relative(dirname(file), `${FOLDER}/${fileOf(name)}`).replaceAll('\\', '/')
    return `require("${path.startsWith('.') ? path : `./${path}`}")`
  })
}

/**
 * Writes the bundles that these files of dist/ load, and the licences of what is in them.
 * @param {string} outdir
 * @param {readonly string[]} names packages, as they are imported
 */
export async function bundleVendored(outdir, names) {
  mkdirSync(join(outdir, FOLDER), { recursive: true })
  const inputs = new Set()
  for (const name of names) {
    const { metafile } = await esbuild.build({
      absWorkingDir: root,
      stdin: { contents: `module.exports = require(${JSON.stringify(name)})`, resolveDir: root },
      plugins: [separateCompiler(outdir)],
      external: NEVER_LOADED,
      outfile: `${outdir}/${FOLDER}/${fileOf(name)}`,
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      // ES modules of these packages know themselves by this.
      define: { 'import.meta.url': '__vendorUrl' },
      banner: { js: 'var __vendorUrl = require("node:url").pathToFileURL(__filename).href;' },
      // `import x from` an ES module takes its default; our files, compiled, take the whole of what is required.
      footer: {
        js:
          'if (module.exports.default && module.exports.__esModule) ' +
          'module.exports = Object.assign(module.exports.default, { ...module.exports });',
      },
      legalComments: 'none',
      metafile: true,
      logLevel: 'warning',
    })
    for (const input of Object.keys(metafile.inputs)) inputs.add(input)
  }
  writeFileSync(`${outdir}/${FOLDER}/LICENSES.txt`, licences([...inputs]))
}

/** @param {string} name */
function fileOf(name) {
  return `${name.replace(/^@/, '').replaceAll('/', '-')}.js`
}

/**
 * The licence of each package that a bundle has a file of.
 * @param {readonly string[]} inputs
 */
function licences(inputs) {
  const folders = inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? [])
  const texts = [...new Set(folders)].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${licenceText(join(root, folder))}`
  })
  return `The files of this folder contain these packages.\n\n${texts.join(`\n${'-'.repeat(78)}\n\n`)}`
}

/** @param {string} folder */
function licenceText(folder) {
  for (const name of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'License', 'LICENSE-MIT']) {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch {}
  }
  return 'The package has no file with the text of its licence.\n'
}
