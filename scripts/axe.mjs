// Looks at a page in a browser for what people with disabilities cannot use.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds in a page. What the debugger evaluates is not held to the page's content security policy.
 * @param {import('playwright-core').Page} page
 * @param {import('axe-core').RunOptions} [options]
 * @returns {Promise<import('axe-core').AxeResults>}
 */
export async function runAxe(page, options = {}) {
  await page.evaluate(SOURCE)
  return page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)
}
