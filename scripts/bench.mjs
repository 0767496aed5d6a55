// npm run bench [-- --json] [-- part of a benchmark's name]
import { ensureBrowser, ensurePackages, ensurePrograms } from './setup.mjs'

ensurePackages()
await ensureBrowser()
ensurePrograms(['redis-server'])

process.argv.splice(1, 1, 'run.mjs', 'bench/main.ts')
await import('./run.mjs')
