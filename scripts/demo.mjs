// npm run demo [-- --headed | --json | --url https://…]
import { ensureBrowser, ensurePackages } from './setup.mjs'

ensurePackages()
await ensureBrowser()

process.argv.splice(1, 1, 'run.mjs', 'src/cli/demo.ts')
await import('./run.mjs')
