import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// A rule that finds nothing any more looks like a project without mistakes: each rule gets a mistake to find.

const LINT_RULES = readdirSync('scripts/rules').map((file) => `scripts/rules/${file}`)

const bin = (name: string) => resolve('node_modules/.bin', name)

/** A separate project with the rules of this one, and with these files in its src/. */
function project(files: readonly (readonly [file: string, code: string])[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-rules-'))
  mkdirSync(join(folder, 'scripts/rules'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json', 'biome.json', ...LINT_RULES])
    copyFileSync(file, join(folder, file))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction')
  for (const [file, code] of files) {
    mkdirSync(dirname(join(folder, 'src', file)), { recursive: true })
    writeFileSync(join(folder, 'src', file), `${code}\n`)
  }
  return folder
}

/** For each of the project's own lint rules, its message and code that breaks it. */
const WRONG_CODE: Readonly<Record<string, readonly [message: string, ...code: string[]]>> = {
  'no-reveal.grit': [
    'Only src/egress reveals a secret',
    'export const key = secret.reveal()',
    'export const key = secret?.reveal()',
    "export const key = secret['reveal']()",
    'export const keys = secrets.map((one) => one.reveal)',
    'export const { reveal } = secret',
    'export const { place, reveal: open } = secret',
  ],
  'no-double-cast.grit': [
    'No `as unknown as`',
    'export const page = window as unknown as Page',
    'export const one = ({ two: 2 } as unknown as Page).one',
    'export const page = window as never as Page',
    'export const page = <Page>(<unknown>window)',
    'export const page = <Page>(window as unknown)',
  ],
  'verified-tls.grit': [
    'A TLS client sets `rejectUnauthorized: true`',
    'export const pool = new Pool(origin)',
    'export const pool = new Pool(origin, { connections: 1, connect: { timeout: 1 } })',
    'export const pool = new Pool(origin, { connect: { rejectUnauthorized: false } })',
    'export const agent = new Agent({ pipelining: 0 })',
    'export const agent = new HttpsAgent({ keepAlive: true })',
    'export const connect = buildConnector({ allowH2: false })',
    'export const client = new Client(origin)',
    'export const client = new Redis({ tls: {} })',
    'export const client = new Cluster([])',
    'export const client = new SecretsManagerClient({ region })',
    'export const socket = tls.connect({ host, servername })',
    'export const options = { rejectUnauthorized: strict }',
    'export const reply = await fetch(address)',
    "import { request } from 'undici'; export const reply = await request(address, { dispatcher })",
    "import { Agent } from 'node:https'; export class Own extends Agent {}",
    "import { connect } from 'node:tls'; export default connect",
    "import https from 'node:https'; export default https",
  ],
}

describe('the project’s own lint rules', () => {
  const WAYS = Object.entries(WRONG_CODE).flatMap(([rule, [message, ...codes]]) =>
    codes.map((code, index) => [rule, code, message, `test/${rule}-${index}.ts`] as const),
  )
  const [[, REVEALS] = ['', '']] = WAYS
  const VERIFIED = [
    'export const pool = new Pool(origin, { connect: { rejectUnauthorized: true } })',
    'export const routed = new Pool(origin, { connect: route.connect })',
    'export const tracked = new Client(origin, { connect: (to, callback) => connect(to, callback) })',
    'export const connector = buildConnector({ ...more, rejectUnauthorized: true })',
    'export const client = new Redis({ tls: { ...tls, rejectUnauthorized: true } })',
    'export const key = provider.fetch(signal)',
  ].join('\n')
  let folder = ''
  let found = ''

  beforeAll(() => {
    folder = project([
      ...WAYS.map(([, code, , file]) => [file, code] as const),
      ['egress/body.ts', REVEALS],
      ['net/right.ts', VERIFIED],
    ])
    const args = ['lint', '--vcs-enabled=false', '--reporter=github', 'src']
    found = spawnSync(bin('biome'), args, { cwd: folder, encoding: 'utf8' }).stdout
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(WAYS)('%s finds %s', (_, __, message, file) => {
    const lines = found.split('\n').filter((line) => line.includes(`src/${file}`))
    expect(lines).toContainEqual(expect.stringContaining(message))
  })

  it('each have a line in WRONG_CODE', () => {
    expect(LINT_RULES.filter((file) => WRONG_CODE[basename(file)] === undefined)).toEqual([])
  })

  it('let egress reveal a secret', () => {
    expect(found).not.toContain('egress/body.ts')
  })

  it('let a client that verifies TLS, or has a connector that does, open connections', () => {
    expect(found).not.toContain('net/right.ts')
  })
})

interface ImportRule {
  readonly name: string
}

const require = createRequire(import.meta.url)
const RULES: readonly string[] = (
  require('../../.dependency-cruiser.cjs') as { forbidden: ImportRule[] }
).forbidden.map(({ name }) => name)

const TYPE = 'export type Right = 1'
const imports = (path: string) => `import '${path}'`
const importsType = (path: string) => `import type { Right } from '${path}'; export type Wrong = Right`

/** Files that break no rule; the others import them. */
const RIGHT = [
  ...[
    'base',
    'policy',
    'ledger',
    'egress',
    'guard',
    'adapters',
    'adapters/playwright',
    'testing',
    'wires',
    'cli',
    'demo',
    'drill',
    '../test',
  ],
  ...['widgets', 'widgets/page', 'widgets/page-kit', 'widgets/families/cap', 'testing/vendors/cap'],
].map((folder) => [`${folder}/right.ts`, TYPE] as const)

/** A part of the guard that imports its index, the highest floor; the index imports a file without a floor. */
function wrongFloor(rule: string): (readonly [rule: string, readonly [file: string, code: string]])[] {
  const [, part] = /^guard-(.+)-imports-only-lower-floors$/.exec(rule) ?? []
  if (part === undefined) return []
  const isFile = existsSync(`src/guard/${part}.ts`)
  const code = part === 'index' ? importsType('./right.js') : importsType(isFile ? './index.js' : '../index.js')
  return [[rule, [isFile ? `guard/${part}.ts` : `guard/${part}/wrong.ts`, code]]]
}

/** For each rule, a file that breaks it. */
const WRONG: Readonly<Record<string, readonly [file: string, code: string]>> = {
  'base-imports-only-lower-folders': ['base/wrong.ts', imports('../policy/right.js')],
  'policy-imports-only-lower-folders': [
    'policy/wrong.ts',
    `${imports('../base/right.js')}; ${imports('../guard/right.js')}`,
  ],
  'net-imports-only-lower-folders': ['net/wrong.ts', imports('../policy/right.js')],
  'secrets-imports-only-lower-folders': ['secrets/wrong.ts', imports('../egress/right.js')],
  'ledger-imports-only-lower-folders': ['ledger/wrong.ts', importsType('../egress/right.js')],
  'audit-imports-only-lower-folders': ['audit/wrong.ts', importsType('../ledger/right.js')],
  'report-imports-only-lower-folders': ['report/wrong.ts', importsType('../guard/right.js')],
  'solvers-imports-only-lower-folders': ['solvers/wrong.ts', imports('../guard/right.js')],
  'widgets-imports-only-lower-folders': ['widgets/wrong.ts', importsType('../guard/right.js')],
  'wires-imports-only-lower-folders': ['wires/wrong.ts', importsType('../guard/right.js')],
  'egress-imports-only-lower-folders': ['egress/wrong.ts', imports('../ledger/right.js')],
  'alerts-imports-only-lower-folders': ['alerts/wrong.ts', imports('../ledger/right.js')],
  'guard-imports-only-lower-folders': ['guard/wrong.ts', imports('../adapters/right.js')],
  'tokens-imports-only-lower-folders': ['tokens/wrong.ts', importsType('../guard/right.js')],
  'config-imports-only-lower-folders': ['config/wrong.ts', imports('../adapters/right.js')],
  'broker-imports-only-lower-folders': ['broker/wrong.ts', imports('../adapters/right.js')],
  'intercept-imports-only-lower-folders': ['intercept/wrong.ts', imports('../adapters/right.js')],
  'testing-imports-only-lower-folders': ['testing/wrong.ts', imports('../adapters/right.js')],
  'adapters-imports-only-lower-folders': ['adapters/wrong.ts', imports('../wires/right.js')],
  'drill-imports-only-lower-folders': ['drill/wrong.ts', imports('../adapters/right.js')],
  'core-imports-no-adapter': ['index.ts', imports('./testing/right.js')],
  ...Object.fromEntries(RULES.flatMap(wrongFloor)),
  'every-part-of-the-guard-has-a-floor': ['guard/unknown/wrong.ts', importsType('../right.js')],
  'only-the-composition-root-knows-the-runtime': ['guard/streams/runtime.ts', importsType('../runtime.js')],
  'every-folder-is-known': ['unknown/wrong.ts', imports('../base/right.js')],
  'page-code-imports-only-page-code': ['widgets/page/wrong.ts', importsType('../right.js')],
  'page-code-is-not-run-by-node': ['widgets/runs-page-code.ts', imports('./page/right.js')],
  'page-kit-imports-no-family': ['widgets/page-kit/wrong.ts', importsType('../page/right.js')],
  'families-import-no-other-family': ['widgets/families/altcha/wrong.ts', importsType('../cap/right.js')],
  'core-imports-no-browser-library': [
    'solvers/browser.ts',
    "import type { Page } from 'playwright-core'; export type Wrong = Page",
  ],
  'src-imports-only-shipped-packages': ['solvers/package.ts', "import fc from 'fast-check'; export default fc"],
  'no-circular-imports': ['base/circle.ts', importsType('./round.js')],
  'engine-imports-no-tool': ['adapters/engine/wrong.ts', importsType('../playwright/right.js')],
  'tool-imports-only-the-engine-and-itself': ['adapters/puppeteer/wrong.ts', imports('../playwright/right.js')],
  'plugins-import-only-plain-adapters': ['adapters/extra/wrong.ts', imports('../right.js')],
  'vendors-import-no-other-vendor': ['testing/vendors/altcha/wrong.ts', imports('../cap/right.js')],
  'nothing-imports-demo-testing-or-cli': ['adapters/testing.ts', imports('../testing/right.js')],
  'nothing-imports-cli': ['demo/command.ts', imports('../cli/right.js')],
  'src-imports-only-src': ['cli/wrong.ts', importsType('../../test/right.js')],
  'only-commands-import-the-drill': ['demo/wrong.ts', imports('../drill/right.js')],
  'no-unresolved-imports': ['base/missing.ts', imports('./nowhere.js')],
}

const MORE_WRONG = [['base/round.ts', importsType('./circle.js')]] as const

describe('the rules about imports', () => {
  let folder = ''
  let found: readonly { rule: ImportRule; from: string }[] = []

  beforeAll(() => {
    folder = project([...RIGHT, ...Object.values(WRONG), ...MORE_WRONG])
    const args = ['src', '--config', resolve('.dependency-cruiser.cjs'), '--output-type', 'json']
    const { stdout } = spawnSync(bin('depcruise'), args, { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 })
    found = JSON.parse(stdout).summary.violations
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(RULES)('%s finds a file that breaks it', (name) => {
    const [file] = WRONG[name] ?? []
    expect(file, 'a new rule needs a line in WRONG').toBeDefined()
    expect(found.filter(({ rule }) => rule.name === name).map(({ from }) => from)).toContain(`src/${file}`)
  })

  it('all have a line in WRONG', () => {
    expect(Object.keys(WRONG).filter((name) => !RULES.includes(name))).toEqual([])
  })

  it('find nothing in files without a mistake', () => {
    expect(found.filter(({ from }) => from.endsWith('right.ts'))).toEqual([])
  })
})
