// The documentation's site in a browser, as `npm run docs` has built it: each page is there and has a heading, links
// and anchors lead somewhere, no request leaves, the search works without a network, and axe finds nothing serious.
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { runAxe } from './axe.mjs'
import { CHROMIUM_FLAGS, findBrowser, noBrowser } from './find-browser.mjs'
import { root } from './setup.mjs'

const FOLDER = join(root, '.site')
const TYPES = /** @type {Readonly<Record<string, string>>} */ ({
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
})
/** Pages that are looked at in both modes and both widths; the others have the same parts. */
const LOOKED_AT = ['index.html', 'incidents.html', 'errors.html', 'reference/solvers.html', 'no-such-page.html']
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } }

/** Serves the site as a static host does: files, and 404.html for what is none. */
async function serve() {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname)
    const file = join(FOLDER, path.endsWith('/') ? `${path}index.html` : path)
    const found = file.startsWith(FOLDER) && existsSync(file) && statSync(file).isFile()
    const shown = found ? file : join(FOLDER, '404.html')
    response.writeHead(found ? 200 : 404, { 'content-type': TYPES[extname(shown)] ?? 'application/octet-stream' })
    createReadStream(shown).pipe(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The site has no port.')
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close().closeAllConnections() }
}

/** Every link and every address of a part, in the files as they are served. */
function brokenLinks() {
  const pages = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
  const texts = new Map(pages.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]))
  const ids = new Map([...texts].map(([name, text]) => [name, new Set(attributes(text, 'id'))]))
  return [...texts].flatMap(([name, text]) => {
    // The body alone: what the head names is loaded, and so is seen by the browser.
    const links = [...new Set([...attributes(text, 'href'), ...attributes(text, 'src')])]
    return links.flatMap((link) => {
      const { origin, pathname, hash } = new URL(link, `http://site/${name}`)
      if (origin !== 'http://site') return []
      const file = decodeURIComponent(pathname.slice(1)) || 'index.html'
      if (!existsSync(join(FOLDER, file))) return [`${name} links ${link}: no such file`]
      const anchor = decodeURIComponent(hash.slice(1))
      return anchor === '' || ids.get(file)?.has(anchor) ? [] : [`${name} links ${link}: no such part`]
    })
  })
}

/**
 * @param {string} html
 * @param {string} name
 */
function attributes(html, name) {
  return [...html.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    value.replaceAll('&amp;', '&').replaceAll('&#39;', "'"),
  )
}

/** @param {string} [pictures] where pictures of the pages are written, if anywhere */
export async function checkSite(pictures) {
  if (!existsSync(join(FOLDER, 'index.html'))) throw new Error('There is no site yet: npm run docs')
  const found = await findBrowser({ windows: false })
  if (!found) throw new Error(noBrowser())
  const problems = brokenLinks()
  const site = await serve()
  const browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS })
  try {
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        const context = await browser.newContext({ viewport, colorScheme, bypassCSP: true })
        await context.route('**', (route) => {
          const url = route.request().url()
          if (url.startsWith(site.url)) return route.continue()
          problems.push(`a request leaves: ${url}`)
          return route.abort()
        })
        const page = await context.newPage()
        page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`))
        for (const path of LOOKED_AT) {
          await page.goto(`${site.url}/${path}`)
          await page.waitForSelector('#app .Layout')
          const at = `${path} (${size}, ${colorScheme})`
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
          if (wide > 0) problems.push(`${at} is ${wide} px wider than the window`)
          if ((await page.locator('h1, .NotFound .title').count()) === 0) problems.push(`${at} has no heading`)
          const { violations } = await runAxe(page, { resultTypes: ['violations'] })
          for (const { impact, id, nodes } of violations) {
            if (impact !== 'serious' && impact !== 'critical') continue
            problems.push(`${at}: ${id}: ${nodes.slice(0, 3).map(({ target }) => target.join(' '))}`)
          }
          if (pictures) {
            const name = `${path.replaceAll('/', '-').replace('.html', '')}-${size}-${colorScheme}.png`
            await page.screenshot({ path: join(pictures, name) })
          }
        }
        await context.close()
      }
    }
    problems.push(...(await searchProblems(browser, site.url, pictures)))
  } finally {
    await browser.close()
    site.close()
  }
  if (problems.length > 0) throw new Error([...new Set(problems)].join('\n'))
}

/**
 * The search, after the network has gone; with the site's own Content-Security-Policy, which a page reports to its
 * console when something goes against it.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {string | undefined} pictures
 */
async function searchProblems(browser, url, pictures) {
  /** @type {string[]} */
  const problems = []
  const context = await browser.newContext({ viewport: SIZES.desktop })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`the console: ${message.text()}`)
  })
  await page.goto(`${url}/index.html`)
  await page.waitForSelector('html[data-search=ready]')
  await context.setOffline(true)
  await page.locator('#local-search button, .VPNavBarSearch button').first().click()
  await page.locator('.VPLocalSearchBox input').fill('BUDGET_EXHAUSTED')
  await page.locator('.VPLocalSearchBox .result').first().waitFor()
  const results = await page.locator('.VPLocalSearchBox .result').evaluateAll((links) => {
    return links.map((link) => link.getAttribute('href') ?? '')
  })
  if (!results.some((link) => link.endsWith('/errors.html#budget_exhausted'))) {
    problems.push(`the search for BUDGET_EXHAUSTED finds ${results.join(', ') || 'nothing'}`)
  }
  if (pictures) await page.screenshot({ path: join(pictures, 'search-desktop-light.png') })
  await context.close()
  return problems
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await checkSite(process.argv[2])
