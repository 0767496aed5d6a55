// npm run docs: the documentation's site, into .site, with the reference of the package. A dead link, and an error or
// a warning of typedoc or of the build, ends it.
import { ensurePackages, root } from './setup.mjs'

ensurePackages()
process.chdir(root)
const { writeReference } = await import('./reference.mjs')
const { build } = await import('vitepress')
await writeReference()
/** What the build reports and goes on after: an error while a page is drawn. @type {string[]} */
const reported = []
for (const level of /** @type {const} */ (['error', 'warn'])) {
  console[level] = (...words) => reported.push(words.map(String).join(' '))
}
await build('docs')
if (reported.length > 0) {
  process.stderr.write(`${[...new Set(reported)].join('\n')}\n`)
  process.exit(1)
}
console.log('The site is in .site. To read it here: npx vitepress preview docs')
