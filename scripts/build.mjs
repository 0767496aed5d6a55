// npm run build: src/ to dist/, with declarations of types.
import { execFileSync } from 'node:child_process'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { ENTRIES } from './entries.mjs'
import { ensurePackages, root } from './setup.mjs'

ensurePackages()
const { compile } = await import('./compile.mjs')
const { coreScript, familyScripts, holdScript, observerScript, waitScript } = await import('./page-script.mjs')
const require = createRequire(import.meta.url)

process.chdir(root)
rmSync('dist', { recursive: true, force: true })
const files = await compile(`${root}dist`)
declarations()
writeSchema()
report(files)

/** The JSON Schema of the configuration, for editors. */
function writeSchema() {
  const { configJsonSchema } = require(`${root}dist/config/shape.js`)
  writeFileSync('dist/solveguard.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
}

/** Declarations, as CommonJS has them. */
function declarations() {
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
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
