// npm run demo [-- --headed | --json | --url https://…]
import { ensureBrowser, ensurePackages } from './setup.mjs'

const options = process.argv.slice(2)
ensurePackages(failed)
if (!options.some((option) => option === '--help' || option === '-h')) await ensureBrowser(failed)

process.argv.splice(1, 1, 'run.mjs', 'src/demo/main.ts')
await import('./run.mjs')

/**
 * Ends as the demo ends when it fails.
 * @param {string} sentence
 * @returns {never}
 */
function failed(sentence) {
  const text = `demo failed: ${sentence}`
  console.log(options.includes('--json') ? JSON.stringify({ type: 'end', ok: false, text }) : text)
  process.exit(1)
}
