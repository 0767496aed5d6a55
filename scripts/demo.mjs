// npm run demo [-- --headed | --json | --url https://…]
import { ensureBrowser, ensurePackages } from './setup.mjs'

ensurePackages()
if (!process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) await ensureBrowser()

process.argv.splice(1, 1, 'run.mjs', 'src/cli/demo.ts')
await import('./run.mjs')
