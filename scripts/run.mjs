// Runs one of the project's TypeScript files from source: node scripts/run.mjs src/demo/main.ts [its arguments]
import { mkdirSync, renameSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bundleForNode } from './page-script.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const entry = process.argv[2]
if (!entry) throw new Error('Say which file to run: node scripts/run.mjs FILE')
const folder = `${root}node_modules/.cache/solveguard`
mkdirSync(folder, { recursive: true })
const outfile = `${folder}/${basename(entry, '.ts')}.mjs`
// One file for all runs, exchanged whole: another process may be loading it.
const draft = `${outfile}.${process.pid}`
await bundleForNode(entry, draft)
renameSync(draft, outfile)
process.argv.splice(1, 2, entry)
await import(pathToFileURL(outfile).href)
