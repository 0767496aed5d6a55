import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { z } from 'zod'
import * as alerts from '../../src/alerts/index.js'
import * as audits from '../../src/audit/index.js'
import { type AnyChallenge, type Family, VARIANTS } from '../../src/base/challenge.js'
import { COMMANDS } from '../../src/cli/commands.js'
import * as ledgers from '../../src/ledger/index.js'
import type { PageProxy } from '../../src/policy/page-proxy.js'
import * as secrets from '../../src/secrets/index.js'
import * as solvers from '../../src/solvers/index.js'
import { LIST_PRICES } from '../../src/solvers/list-prices.js'
import { SOLVERS, solversFor } from '../../src/solvers/table.js'
import { SERVICE_HOSTS } from '../../src/wires/services.js'

const root = join(import.meta.dirname, '../..')

const IMPORT_RULES = (
  createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
    forbidden: readonly { name: string; to: { pathNot?: string | readonly string[] } }[]
  }
).forbidden

/** Every page that a reader may open, by its path. */
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'examples/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')
const WITH_HOSTS = ['compose.yaml', 'kubernetes/certificate.yaml', 'kubernetes/client.yaml'].map(
  (file) => `examples/deployment/${file}`,
)
const withoutCode = (text: string): string => text.replace(/^ *```.*?^ *```$/gms, '')

/** What the pages call the families. */
const TITLES: { readonly [family in Family]?: string } = {
  recaptcha: 'reCAPTCHA',
  turnstile: 'Turnstile',
  geetest: 'GeeTest',
  friendly: 'Friendly Captcha',
  'aws-waf': 'Amazon WAF',
  mtcaptcha: 'MTCaptcha',
  captchafox: 'CaptchaFox',
}

it('docs/widgets.md names each family, its variants, and the solvers that do it', () => {
  const page = readFileSync(join(root, 'docs/widgets.md'), 'utf8')
  const rows = [...page.matchAll(/^\| \[`([\w-]+)`\]\(#[\w-]+\) \| (.+?) \| (.+?) \|$/gm)]
  const named = rows.map(([, family, variants, solvers]) => ({
    family,
    variants: [...(variants ?? '').matchAll(/`([\w-]+)`/g)].map(([, variant]) => variant),
    solvers: (solvers ?? '').split(/[^\w]+/).filter((word) => Object.hasOwn(SOLVERS, word)),
  }))
  const known = (Object.keys(VARIANTS) as Family[]).map((family) => ({
    family,
    variants: VARIANTS[family],
    solvers: Object.keys(SOLVERS).filter((solver) =>
      VARIANTS[family].some((variant) => {
        const challenge = { ...ANY, family, variant } as AnyChallenge
        return [undefined, PROXY].some((proxy) => solversFor(challenge, proxy).includes(solver))
      }),
    ),
  }))
  expect(named).toEqual(known)
})

/** The rows of a page's tables, by the cells of their heads. */
function tablesOf(page: string): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }[] {
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
  return [...withoutCode(textOf(page)).matchAll(/^(\|.*)\n\| ?---.*\n((?:\|.*\n)*)/gm)].map(
    ([, head = '', rows = '']) => ({
      head: cells(head),
      rows: rows.trimEnd().split('\n').map(cells),
    }),
  )
}

it('docs/solvers.md has the list price of each solver, family and variant', () => {
  const priced = Object.entries(LIST_PRICES).flatMap(
    ([name, { pricing }]): [string, Readonly<Record<string, number>>][] =>
      pricing.per === 'solve' ? [[name, pricing.usd]] : [],
  )
  const [prices] = tablesOf('docs/solvers.md').filter(({ head: [first] }) => first === 'family')
  expect(prices?.head).toEqual(['family', ...priced.map(([name]) => name)])
  const keys: string[] = []
  for (const [names = '', ...cells] of prices?.rows ?? []) {
    const [first = '', ...ends] = [...names.matchAll(/`([\w/-]+)`/g)].map(([, key = '']) => key)
    for (const key of [first, ...ends.map((end) => first.replace(/-\w+$/, end))]) {
      keys.push(key)
      const wanted = priced.map(([, usd]) => `${usd[key] ?? usd[key.split('/')[0] ?? ''] ?? '–'}`)
      expect([key, ...cells]).toEqual([key, ...wanted])
    }
  }
  expect(keys).toEqual(expect.arrayContaining(priced.flatMap(([, usd]) => Object.keys(usd))))
})

it('each table of docs/solvers.md that lists the solvers has all of them', () => {
  const tables = tablesOf('docs/solvers.md').filter(({ head: [first] }) => first === 'solver')
  expect(tables).toHaveLength(4)
  const functions = Object.entries(solvers).map(([name, make]) => [make().name, name] as const)
  for (const { head, rows } of tables) {
    const listed = rows.flatMap(
      ([first = '']) =>
        first
          .match(/[\w]+(?=\()|^\w[\w, ]*$/g)
          ?.join()
          .split(/, ?/) ?? [],
    )
    const missing = functions.filter((names) => !names.some((name) => listed.includes(name))).map(([name]) => name)
    expect([head, missing]).toEqual([head, []])
  }
})

it('docs/solvers.md lists what each solver solves through a proxy', () => {
  const [table] = tablesOf('docs/solvers.md').filter(({ head }) => head[1] === 'through a proxy')
  const can = (solver: string, { family, variant }: AnyChallenge, proxy?: PageProxy) =>
    solversFor({ ...ANY, family, variant } as AnyChallenge, proxy).includes(solver)
  for (const [solver = '', named = ''] of table?.rows ?? []) {
    const all = EVERY_VARIANT.filter((one) => can(solver, one) || can(solver, one, PROXY))
    const proxied = all.filter((one) => can(solver, one, PROXY))
    const isScore = ({ family, variant }: AnyChallenge) =>
      family === 'recaptcha' && (variant === 'v3' || variant === 'enterprise-score')
    if (named === 'all but reCAPTCHA v3 and Enterprise scores') {
      expect([solver, proxied]).toEqual([solver, all.filter((one) => !isScore(one))])
      continue
    }
    const families = [...new Set(proxied.map(({ family }) => family))]
    expect([solver, named.split(', ').sort()]).toEqual([
      solver,
      families.map((family) => TITLES[family] ?? family).sort(),
    ])
  }
})

it.each(['docs/solvers.md', 'docs/register.md', ...WITH_HOSTS])('%s has the hosts of all services', (page) => {
  const text = textOf(page)
  expect(Object.keys(SERVICE_HOSTS).filter((host) => !text.includes(host))).toEqual([])
})

it('docs/cli.md has a section for each command or its group, which names it', () => {
  const sections = textOf('docs/cli.md').split(/^## /m)
  const missing = Object.keys(COMMANDS).filter((name) => {
    const about = sections.filter((one) => [name, name.split(' ')[0]].includes(one.slice(0, one.indexOf('\n'))))
    return !new RegExp(`(^(npx )?solveguard |\`)${name}\\b`, 'm').test(about.join(''))
  })
  expect(missing).toEqual([])
})

it.each([
  ['docs/secrets.md', secrets, /^[a-z]\w+Secret$/],
  ['docs/ledgers.md', ledgers, /^(?!open)[a-z]\w+Ledger$/],
  ['docs/audit.md', audits, /^(?!archive|verify|copy|keysIn)[a-z]\w+Audit$/],
  ['docs/alerts.md', alerts, /^[a-z]\w+Alerts$/],
])('%s has a row for each implementation that its entry exports', (page, entry, name) => {
  const made = Object.keys(entry).filter((one) => name.test(one))
  expect(made.length).toBeGreaterThan(1)
  const rows = textOf(page).match(/^\| .*$/gm) ?? []
  expect(made.filter((one) => !rows.some((row) => new RegExp(`\`${one}\\b`).test(row)))).toEqual([])
})

it.each(PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'))(
  '%s says whom it is for',
  (page) => {
    expect(textOf(page).split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^# /),
      '',
      expect.stringMatching(/^\*For .+\.\*$/),
    ])
  },
)

it('each field of a record that a page names is one of its schema', () => {
  const paths = (shape: unknown, path = ''): string[] => {
    const properties = Object.entries((shape as { properties?: Record<string, unknown> }).properties ?? {})
    return properties.flatMap(([name, of]) => [`${path}${name}`, ...paths(of, `${path}${name}.`)])
  }
  const fields = paths(z.toJSONSchema(audits.recordSchema, { io: 'input' }))
  // Spans and metrics have names of their own.
  const named = PAGES.filter((page) => page !== 'docs/observability.md').flatMap((page) =>
    [...textOf(page).matchAll(/`(solveguard\.(?!config\b)[a-z_.]+)`/g)].map(([, name = '']) => ({ page, name })),
  )
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter(({ name }) => !fields.includes(name))).toEqual([])
})

it.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('each path that %s names in backticks exists', (page) => {
  const paths = [...textOf(page).matchAll(/`((?:src|test|scripts|bench|docs|fixtures|examples|\.ci)\/[^`\s]*)`/g)].map(
    ([, path = '']) => path,
  )
  expect(paths.length).toBeGreaterThan(3)
  // `src/solvers/<name>.ts` stands for a file to come: its folder has to exist.
  expect(
    paths.filter((path) => !existsSync(join(root, path.includes('<') ? path.replace(/[^/]*<.*/, '') : path))),
  ).toEqual([])
})

it('ARCHITECTURE.md has a section for each folder of src/, and a row for each of src/guard/', () => {
  const text = textOf('ARCHITECTURE.md')
  const foldersOf = (path: string): string[] =>
    readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  expect(foldersOf('src').filter((name) => !text.includes(`### \`src/${name}\``))).toEqual([])
  expect(foldersOf('src/guard').filter((name) => !text.includes(`| \`src/guard/${name}\` |`))).toEqual([])
})

it('the picture in ARCHITECTURE.md has an arrow, or a way of arrows, for each import that the rules allow', () => {
  const [, picture = ''] = /```mermaid\n(flowchart[\s\S]*?)```/.exec(textOf('ARCHITECTURE.md')) ?? []
  const arrows = [...picture.matchAll(/^ +(\w+)(?:\[.*\])? --> (\w+)/gm)].map(([, from = '', to = '']) => ({
    from,
    to,
  }))
  const below = (folder: string): string[] =>
    arrows.filter(({ from }) => from === folder).flatMap(({ to }) => [to, ...below(to)])
  const rules = IMPORT_RULES.flatMap(({ name, to }) => {
    const [, folder] = /^(\w+)-imports-only-lower-folders$/.exec(name) ?? []
    const [, lower = ''] = /^\^src\/\((.*)\)\/$/.exec(String(to.pathNot)) ?? []
    return folder === undefined ? [] : [{ folder, lower: lower.split('|').filter((one) => one !== folder) }]
  })
  expect(rules.length).toBeGreaterThan(15)
  expect(
    rules.flatMap(({ folder, lower }) =>
      lower.filter((one) => !below(folder).includes(one)).map((one) => [folder, one]),
    ),
  ).toEqual([])
})

it('SECURITY.md names a test for each promise, and each is there', () => {
  const [, promises = ''] = textOf('SECURITY.md').split(/^## What is (?:not )?promised$/m)
  const named = promises
    .split(/^- /m)
    .slice(1)
    .map((promise) => [...promise.matchAll(/`(test\/[^`]+)`\s+“([^”]+)”/g)])
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((tests) => tests.length === 0)).toEqual([])
  const missing = named.flat().filter(([, file = '', title = '']) => {
    const path = join(root, file)
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(title.replace(/\s+/g, ' '))
  })
  expect(missing.map(([text]) => text)).toEqual([])
})

it.each(PAGES)('each link of %s leads to a file, and to a heading in it', (page) => {
  const links = [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  const broken = links
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#')
      const path = file === '' ? join(root, page) : join(root, dirname(page), file)
      if (!existsSync(path)) return true
      return anchor !== undefined && !anchorsOf(readFileSync(path, 'utf8')).has(anchor)
    })
  expect(broken).toEqual([])
})

it.each(PAGES)('no line of %s has more than 120 columns, except rows of tables', (page) => {
  const long = textOf(page)
    .split('\n')
    .flatMap((line, index) => (line.length > 120 && !line.startsWith('|') ? [`${page}:${index + 1}`] : []))
  expect(long).toEqual([])
})

it('the README fits on five screens, and none of its code has to be scrolled sideways', () => {
  const readme = textOf('README.md')
  const code = [...readme.matchAll(/^```.*?^```$/gms)].flatMap(([block]) => block.split('\n'))
  expect(code.filter((line) => line.length > 80)).toEqual([])
  expect(readme.split('\n').length).toBeLessThanOrEqual(220)
})

/** The anchors that GitHub gives headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const PROXY: PageProxy = { type: 'http', host: '203.0.113.9', port: 3128, login: undefined }

const ANY = {
  sitekey: 'x',
  pageUrl: 'https://staging.example.com/',
  scriptUrl: 'https://cdn.example/a.js',
  userAgent: 'a browser',
  image: new Uint8Array(5_000),
  images: Array(9).fill(new Uint8Array(5_000)),
}

it('docs/README.md has every page', () => {
  const index = readFileSync(join(root, 'docs/README.md'), 'utf8')
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  expect(pages.filter((name) => !index.includes(`](${name}`))).toEqual([])
})

/** Every variant of the families whose widgets are in pages. */
const EVERY_VARIANT = (Object.keys(VARIANTS) as Family[])
  .filter((family) => family !== 'image' && family !== 'bls')
  .flatMap((family) => VARIANTS[family].map((variant) => ({ family, variant }) as AnyChallenge))
