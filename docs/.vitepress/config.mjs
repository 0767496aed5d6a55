// The documentation's site: `npm run docs`. Its pages are the .md files that GitHub and the package show too, so they
// have no syntax of their own for it; what the site needs beyond them is here and in theme/.
import { readdirSync } from 'node:fs'
import { relative } from 'node:path'
import { defineConfig } from 'vitepress'
import { ENTRIES } from '../../scripts/entries.mjs'
import { anchorOf, linkOf, pageOf, REPOSITORY, ROOT, referencePages, rewrites, sections } from './pages.mjs'

const files = rewrites()
const otherFolders = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'docs')
  .map(({ name }) => name)
/** Nothing of the site comes from elsewhere, and nothing leaves it. The theme sets its mode by an inline script. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export default defineConfig({
  title: 'solveguard',
  description: "Layers of protection around a CAPTCHA-solving service's API key.",
  lang: 'en',
  srcDir: ROOT,
  outDir: `${ROOT}.site`,
  cacheDir: `${ROOT}node_modules/.cache/vitepress`,
  srcExclude: [...otherFolders.map((name) => `${name}/**`), 'docs/.vitepress/**'],
  rewrites: files,
  base: process.env.SITE_BASE ?? '/',
  cleanUrls: false,
  lastUpdated: false,
  // A request for a page's metadata, and no file of a third party.
  metaChunk: true,
  markdown: {
    anchor: { slugify: anchorOf },
    // The usual themes have comments that are too pale to read.
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: (md) => {
      md.core.ruler.push('repository-links', (state) => {
        const file = relative(ROOT, state.env.realPath ?? state.env.path).replaceAll('\\', '/')
        for (const token of state.tokens) {
          if (token.type === 'html_block') token.content = token.content.replace(/src="docs\//g, 'src="./docs/')
          for (const child of token.children ?? []) {
            const href = child.type === 'link_open' ? child.attrGet('href') : null
            if (href !== null) child.attrSet('href', linkOf(href, file))
          }
        }
      })
    },
  },
  vite: { logLevel: 'warn', build: { chunkSizeWarningLimit: 4_000 } },
  transformHead: () => [['meta', { 'http-equiv': 'Content-Security-Policy', content: POLICY }]],
  transformPageData: (page) => {
    if (page.relativePath !== 'index.md') return
    page.title = 'Documentation'
    page.frontmatter = {
      layout: 'home',
      hero: {
        name: 'solveguard',
        text: 'A guard around the API key of a CAPTCHA-solving service',
        tagline:
          'For people who test or automate sites that they own or may automate: six layers decide whether a solve is ' +
          'allowed, and a hard cap holds in every process.',
        actions: [
          { theme: 'brand', text: 'Quick starts', link: '/quick-starts' },
          { theme: 'alt', text: 'What each layer does', link: '/layers' },
          { theme: 'alt', text: 'What it does not protect', link: '/security-model' },
        ],
      },
    }
  },
  themeConfig: {
    nav: [
      { text: 'Quick starts', link: '/quick-starts' },
      { text: 'Incidents', link: '/incidents' },
      { text: 'Reference', link: '/reference/solveguard' },
    ],
    sidebar: [
      ...sections().map(({ text, pages }) => ({
        text,
        items: pages.map(({ page, title }) => ({ text: title, link: `/${page.replace(/\.md$/, '')}` })),
      })),
      {
        text: 'Reference',
        items: referencePages(ENTRIES).map(({ page, title }) => ({
          text: title,
          link: `/${page.replace(/\.md$/, '')}`,
        })),
      },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: { pattern: `${REPOSITORY}/blob/main/:path`, text: 'This page in the repository' },
    docFooter: { prev: 'Previous', next: 'Next' },
    notFound: {
      title: 'There is no such page',
      quote: 'Search for it above, or begin at the index.',
      linkText: 'To the index',
      linkLabel: 'To the index',
    },
    footer: { message: 'MIT licence' },
  },
})

for (const file of Object.keys(files)) if (pageOf(file) === undefined) throw new Error(`${file} is no page`)
