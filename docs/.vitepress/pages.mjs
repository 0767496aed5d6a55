// Which files are pages of the site, at which address, and in which order the sidebar lists them. The index in
// docs/README.md is the one list of the pages: the sidebar is read from it, so the two cannot differ.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Where the repository's other files can be read. */
export const REPOSITORY = 'https://github.com/solveguard/solveguard'

/** Pages of the root folder, by the address that the site gives them. */
const FROM_THE_ROOT = /** @type {Readonly<Record<string, string>>} */ ({
  'README.md': 'overview.md',
  'SECURITY.md': 'security.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CONTRIBUTING.md': 'contributing.md',
  'CHANGELOG.md': 'changelog.md',
})

/** The titles that are too long for a sidebar. */
const SHORT = /** @type {Readonly<Record<string, string>>} */ ({
  'overview.md': 'Overview',
  'playwright.md': 'Playwright',
  'puppeteer-extra.md': 'puppeteer-extra, playwright-extra',
  'broker.md': 'Broker',
  'rotation.md': 'Replace a key',
  'register.md': 'Node clients, unchanged',
  'migrating.md': 'Migrating',
  'secrets.md': 'Secrets',
  'tokens.md': 'Tokens',
  'network.md': 'Network',
  'ledgers.md': 'Ledgers',
  'testing.md': 'Stand-ins for tests',
  'toolchains.md': 'Bundlers, runtimes',
})

/**
 * The page of the site that a file of the repository is, or undefined.
 * @param {string} file its path in the repository, with slashes
 */
export function pageOf(file) {
  if (file === 'docs/README.md') return 'index.md'
  if (/^docs\/[\w-]+\.md$/.test(file) || /^docs\/reference\/.+\.md$/.test(file)) return file.slice('docs/'.length)
  return FROM_THE_ROOT[file]
}

/** All files that are pages, each with its page; those of the reference exist after it was generated. */
export function rewrites() {
  const files = [
    ...Object.keys(FROM_THE_ROOT),
    ...['docs', 'docs/reference'].flatMap((folder) =>
      existsSync(join(ROOT, folder))
        ? readdirSync(join(ROOT, folder), { recursive: folder !== 'docs', encoding: 'utf8' })
            .filter((name) => name.endsWith('.md'))
            .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
        : [],
    ),
  ]
  return Object.fromEntries(files.map((file) => [file, pageOf(file) ?? file]))
}

/**
 * Where a link of a file leads on the site. What is no page there is read in the repository.
 * @param {string} link
 * @param {string} file the path of the file that has the link, in the repository
 */
export function linkOf(link, file) {
  if (/^[a-z]+:|^#|^\//i.test(link)) return link
  const [path = '', anchor] = link.split('#')
  const target = posix.join(posix.dirname(file), path)
  const hash = anchor === undefined ? '' : `#${anchor}`
  const page = pageOf(target)
  if (page !== undefined) return `/${page}${hash}`
  const isFolder = statSync(join(ROOT, target), { throwIfNoEntry: false })?.isDirectory() ?? false
  return `${REPOSITORY}/${isFolder ? 'tree' : 'blob'}/main/${target}${hash}`
}

/**
 * A page's title: its first heading.
 * @param {string} file
 */
function titleOf(file) {
  const [, heading = file] = /^# (.+)$/m.exec(readFileSync(join(ROOT, file), 'utf8')) ?? []
  return heading.replaceAll('`', '')
}

/**
 * The sections of docs/README.md, each with the pages that it links, in its order. A page belongs to the section that
 * names it first.
 * @returns {{ text: string, pages: { file: string, page: string, title: string }[] }[]}
 */
export function sections() {
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  const seen = new Set()
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const links = [...section.matchAll(/\]\(([^)\s#]+)/g)].map(([, link = '']) => posix.join('docs', link))
      const pages = links.flatMap((file) => {
        const page = pageOf(file)
        if (page === undefined || page === 'index.md' || seen.has(file)) return []
        seen.add(file)
        return [{ file, page, title: SHORT[page] ?? titleOf(file) }]
      })
      return { text: section.slice(0, section.indexOf('\n')), pages }
    })
    .filter(({ pages }) => pages.length > 0)
}

/**
 * The pages of the reference: one for each entry of the package, by its name.
 * @param {Readonly<Record<string, string>>} entries
 */
export function referencePages(entries) {
  return Object.keys(entries).map((subpath) => ({
    title: `solveguard${subpath.slice(1)}`,
    page: `reference/${subpath === '.' ? 'solveguard' : subpath.slice('./'.length)}.md`,
  }))
}

/**
 * The anchor that GitHub gives a heading. The site gives the same one, so a link works in both.
 * @param {string} heading
 */
export function anchorOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-')
}
