import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { ENTRIES } from '../../scripts/entries.mjs'
import { type Block, blocks, root } from './blocks.js'

/**
 * Names that the text around a block introduces, or that a block above it has imported: what declares them. A block's
 * own declaration takes precedence.
 */
const NAMES: Readonly<Record<string, string>> = {
  ...from('solveguard', 'createGuard', 'usd', 'explainPolicy'),
  ...from('solveguard/alerts', 'webhookAlerts', 'slackAlerts', 'commandAlerts'),
  ...from('solveguard/audit', 'verifyAudit', 'jsonlAudit'),
  ...from('solveguard/broker', 'startBroker'),
  ...from('solveguard/ledger', 'fileLedger', 'redisLedger'),
  ...from('solveguard/playwright', 'guardContext'),
  ...from('solveguard/playwright-test', 'test', 'expect'),
  ...from('solveguard/solvers', 'captchaAI', 'twoCaptcha'),
  ...from(
    'solveguard/secrets',
    'awsSecret',
    'dotenvVaultSecret',
    'envSecret',
    'execSecret',
    'fileSecret',
    'secretFor',
    'vaultSecret',
  ),
  ...from('node:fs', 'readFileSync'),
  ...from('node:os', 'homedir'),
  ...from('node:path', 'join'),
  guard: "declare const guard: import('solveguard').Guard",
  policy: "declare const policy: import('solveguard').PolicyInput & { origins: string[] }",
  challenge: "declare const challenge: import('solveguard').ChallengeInput",
  challenges: "declare const challenges: import('solveguard').ChallengeInput[]",
  context: "declare const context: import('playwright').BrowserContext",
  page: "declare const page: import('playwright').Page",
  captcha: "declare const captcha: Awaited<ReturnType<typeof import('solveguard/playwright').guardContext>>",
}

const PUPPETEERS_PAGE = "declare const page: import('puppeteer-core').Page"

/** The names that mean something else in a document. */
const OF_DOCUMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'docs/alerts.md': {
    ourPager: 'declare const ourPager: { send(alert: object, options: { signal: AbortSignal }): Promise<boolean> }',
  },
  'docs/audit.md': {
    apiKey: 'declare const apiKey: string',
    ledger: "declare const ledger: import('solveguard/ledger').Ledger",
  },
  'docs/callbacks.md': {
    ...from('solveguard/solvers', 'antiCaptcha'),
    app: `declare const app: {
      use(path: string, listener: (request: import('node:http').IncomingMessage,
        response: import('node:http').ServerResponse) => unknown): void
      all(path: string, handler: (context: { req: { raw: Request } }) => unknown): void
    }`,
  },
  'docs/ledgers.md': {
    ...from('node:fs/promises', 'readFile'),
    PolicyInput: "import type { PolicyInput } from 'solveguard'",
    username: 'declare const username: string',
    password: 'declare const password: string',
  },
  'docs/migrating.md': { page: PUPPETEERS_PAGE },
  'docs/puppeteer.md': {
    page: PUPPETEERS_PAGE,
    captcha: "declare const captcha: Awaited<ReturnType<typeof import('solveguard/puppeteer').guardContext>>",
  },
  'docs/puppeteer-extra.md': {
    puppeteer: "declare const puppeteer: typeof import('puppeteer-extra').default",
    solveguard: "import solveguard from 'solveguard/puppeteer-extra'",
    policies: "declare const policies: WeakMap<object, import('solveguard').NarrowingInput>",
  },
  'docs/scaling.md': {
    submit: 'declare function submit(index: number, token: string): Promise<void>',
    save: 'declare function save(result: object): Promise<void>',
    today: 'declare const today: string',
    queue: 'declare const queue: { count(): Promise<number> }',
    pool: 'declare const pool: { resize(workers: number): void }',
  },
  'docs/secrets.md': {
    ourStore:
      'declare const ourStore: { get(name: string, options: object): Promise<{ key: string; version: string }> }',
  },
  'docs/solvers.md': {
    ...from('solveguard/solvers', 'antiCaptcha', 'capMonster', 'capSolver'),
    browser: "declare const browser: import('playwright').Browser",
  },
  'docs/testing.md': {
    ...from('solveguard/testing', 'answerAsVendor', 'routeVendors', 'standInAddresses', 'startSolverService'),
    recaptcha: "declare const recaptcha: Awaited<ReturnType<typeof import('solveguard/testing').startRecaptcha>>",
    site: "declare const site: Awaited<ReturnType<typeof import('solveguard/testing').startSite>>",
  },
  'docs/tokens.md': { token: 'declare const token: string' },
  'docs/toolchains.md': {
    ...from('esbuild', 'build'),
    options: "declare const options: import('esbuild').BuildOptions",
  },
  'docs/webdriver.md': {
    ...from('solveguard/webdriver', 'guardContext'),
    driver: "declare const driver: import('selenium-webdriver').WebDriver",
    browser: 'declare const browser: WebdriverIO.Browser',
    captcha: "declare const captcha: import('solveguard/webdriver').SessionCaptcha",
    get: 'declare function get<T>(path: string): Promise<T>',
    post: 'declare function post<T>(path: string, body: object): Promise<T>',
  },
}

function from(module: string, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `import { ${name} } from '${module}'`]))
}

/** `require` of these returns the default export; their types declare it under its name only. */
const CALLABLE = /require\('(puppeteer-extra|puppeteer-extra-plugin-recaptcha|solveguard\/puppeteer-extra)'\)/g

/** Packages that are shown, and are no dependency of this project. */
const SHOWN_ONLY = ['commonjs', 'json', 'node-resolve']
  .map((name) => `declare module '@rollup/plugin-${name}' { export default function plugin(options?: object): object }`)
  .join('\n')

interface Module {
  readonly at: string
  readonly file: string
  readonly code: string
}

/** A block as a module of its own; one that calls `require` is CommonJS. */
function moduleOf({ at, document, line, language, code }: Block): Module {
  const common = /\brequire\(|\bmodule\.exports\b/.test(code)
  const file = join(root, `${document.replaceAll('/', '-')}-${line}.${common ? `c${language}` : 'mts'}`)
  if (common) return { at, file, code: code.replace(CALLABLE, '$&.default') }
  const used = identifiers(code)
  const known = { ...NAMES, ...OF_DOCUMENTS[document] }
  const before = Object.entries(known).filter(([name]) => used.free.has(name))
  return { at, file, code: `${before.map(([, declaration]) => declaration).join('; ')};${code}\nexport {}\n` }
}

/** The names that a block uses and does not declare. */
function identifiers(code: string): { free: Set<string> } {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isName = (parent as { name?: ts.Node }).name === node
      if (isName && !ts.isPropertyAccessExpression(parent) && !ts.isPropertyAssignment(parent)) {
        if (!ts.isShorthandPropertyAssignment(parent)) declared.add(node.text)
        else used.add(node.text)
      } else if (!(isName || (ts.isBindingElement(parent) && parent.propertyName === node))) used.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022, true))
  return { free: new Set([...used].filter((name) => !declared.has(name))) }
}

it('every block of TypeScript and JavaScript compiles against the public types', () => {
  const modules = blocks.filter(({ language }) => ['ts', 'js'].includes(language)).map(moduleOf)
  expect(modules.length).toBeGreaterThan(80)
  const files = new Map(modules.map(({ file, code }) => [file, code]))
  files.set(join(root, 'shown-only.d.ts'), SHOWN_ONLY)
  const entries = Object.entries(ENTRIES).map(([subpath, file]) => [
    `solveguard${subpath.slice(1)}`,
    [`src/${file}.ts`],
  ])
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    esModuleInterop: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    noImplicitAny: false,
    noEmit: true,
    baseUrl: root,
    paths: { ...Object.fromEntries(entries), puppeteer: ['node_modules/puppeteer-core/lib/types.d.ts'] },
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path)
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path)
  host.getSourceFile = (path, language, ...others) => {
    const code = files.get(path)
    return code === undefined
      ? getSourceFile.call(host, path, language, ...others)
      : ts.createSourceFile(path, code, language)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  const problems = modules.flatMap(({ at, file }) => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start = 0 }) => {
        const line = source?.getLineAndCharacterOfPosition(start).line ?? 0
        return `${at} + ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
      },
    )
  })
  expect(problems).toEqual([])
})

it('every page of docs/ is linked from the README or from another page', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const texts = ['README.md', ...pages.map((name) => `docs/${name}`)].map((name) => [
    name,
    readFileSync(join(root, name), 'utf8'),
  ])
  const lonely = pages.filter((name) => !texts.some(([from, text]) => from !== `docs/${name}` && text?.includes(name)))
  expect(lonely).toEqual([])
})
