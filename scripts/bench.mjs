// npm run bench [-- --json] [-- part of a benchmark's name]
import { ensureBrowser, ensurePackages } from './setup.mjs'

ensurePackages()
await ensureBrowser()

process.argv.splice(1, 1, 'run.mjs', 'bench/main.ts')
await import('./run.mjs')
