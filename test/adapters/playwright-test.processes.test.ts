import { execFile } from 'node:child_process'
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'
import { type SolverService, startRecaptcha, startSite, startSolverService } from '../../src/testing/index.js'
import { installInto } from '../support/installed.js'
import { unzip } from '../support/unzip.js'

const KEY = 'k3y-0f-th3-su1te-which-must-not-be-seen'
const suite = join(import.meta.dirname, '../consumers/playwright-suite')

/** A test's result, of Playwright's JSON report. */
interface Result {
  readonly status: string
  readonly workerIndex: number
  readonly error?: { readonly message: string; readonly location?: { readonly file: string } }
  readonly steps?: readonly { readonly title: string }[]
  readonly attachments: readonly { readonly name: string; readonly body?: string }[]
  readonly annotations: readonly { readonly type: string; readonly description?: string }[]
}

let folder: string
let service: SolverService
let siteUrl: string
let output: string
let results: Map<string, Result>
const tokens: string[] = []
const stop: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'solveguard-suite-'))
  const recaptcha = await startRecaptcha()
  const site = await startSite({ recaptcha })
  siteUrl = site.url
  service = await startSolverService({
    keys: { [KEY]: 10 },
    price: 0.001,
    onAnswer: ({ fields }, token) => {
      tokens.push(token)
      recaptcha.issue({ sitekey: fields.googlekey ?? '', token })
    },
  })
  stop.push(site.close, recaptcha.close, service.close)
  await cp(suite, folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await installInto(folder, [
    '@playwright/test',
    'playwright',
    'playwright-core',
    ...Object.keys(manifest.dependencies),
  ])
  output = await run({ SOLVEGUARD_KEY: KEY }, 'budget.spec.ts')
  results = await report()
})

afterAll(async () => {
  await Promise.all(stop.map((one) => one()))
  await rm(folder, { recursive: true, force: true })
})

const SIGN_INS = ['/login', '/explicit', '/enterprise', '/named'].map((path) => `sign in on ${path}`)
const signIns = () => SIGN_INS.map((title) => results.get(title))
const attached = (title: string) => {
  const body = results.get(title)?.attachments.find(({ name }) => name === 'captchas')?.body
  return body === undefined ? undefined : JSON.parse(Buffer.from(body, 'base64').toString())
}

it('shares one budget between two workers', () => {
  expect(new Set(signIns().map((result) => result?.workerIndex)).size).toBeGreaterThan(1)
  expect(
    signIns()
      .map((result) => result?.status)
      .sort(),
  ).toEqual(['failed', 'passed', 'passed', 'passed'])
  expect(service.charged).toBe(3_000)
})

it('fails the test at its own line for a denial with throwOnDenied', () => {
  const denied = signIns().find((result) => result?.status === 'failed')
  expect(denied?.error?.message).toContain("DeniedError: Budget 'suite'")
  expect(denied?.error?.location?.file).toBe(join(folder, 'budget.spec.ts'))
})

it('applies a test’s own policy, and takes another page', () => {
  expect(results.get('cannot spend a cent')).toMatchObject({ status: 'passed' })
  expect(results.get('a test without the captcha fixture is not guarded')).toMatchObject({
    status: 'passed',
    attachments: [{}],
  })
})

it('reports steps, and attaches to each test what it spent', () => {
  for (const title of SIGN_INS) {
    const result = results.get(title)
    const solved = result?.status === 'passed'
    expect(result?.steps?.map((step) => step.title)).toEqual(expect.arrayContaining(['captcha.find', 'captcha.solve']))
    expect(attached(title)).toEqual({
      spent: solved ? 1_000 : 0,
      solved: solved ? 1 : 0,
      denied: solved ? 0 : 1,
      failed: 0,
      widgets: [expect.objectContaining({ family: 'recaptcha', outcome: solved ? 'solved' : 'denied' })],
    })
    expect(result?.annotations).toContainEqual({
      type: 'captchas',
      description: solved ? '1 solved; $0.001 spent' : '1 denied; $0.00 spent',
    })
  }
})

it('prints one line with the totals in the reporter', () => {
  expect(output.split('\n').filter((line) => line.startsWith('solveguard:'))).toEqual([
    'solveguard: 3 solved, 2 denied in 5 tests; $0.003 spent',
  ])
})

it('leaves the key in no report, trace, log or file of the run, nor in the browser’s environment', async () => {
  const files = await everyFile()
  const places = [...files.keys()].join('\n')
  for (const place of ['trace.zip', 'report.json', 'index.html: ', 'ledger.db', '.jsonl', 'browser-environment']) {
    expect(places).toContain(place)
  }
  const traces = [...files].filter(([name]) => name.includes('trace.zip: test.trace'))
  expect(traces.some(([, text]) => text.includes('captcha.solve'))).toBe(true)
  expect(files.get('browser-environment')).toContain('SITE_URL')
  files.set('output', output)
  for (const secret of [KEY, Buffer.from(KEY).toString('base64').slice(0, -4)]) {
    expect([...files].filter(([, text]) => text.includes(secret)).map(([name]) => name)).toEqual([])
  }
})

it('leaves a token in the page’s own traffic only, and in no report of solveguard', async () => {
  expect(tokens).toHaveLength(3)
  const files = await everyFile()
  const ofThePage = /trace\.zip|index\.html: data\/|playwright-report\/data\//
  for (const token of tokens) {
    const where = [...files].filter(([, text]) => text.includes(token)).map(([name]) => name)
    expect(where.length).toBeGreaterThan(0)
    expect(where.filter((name) => !ofThePage.test(name))).toEqual([])
  }
})

it('takes options from a worker fixture; without options, the error shows what to write and where', async () => {
  const said = await run({ OTHER_KEY: KEY }, '--config', 'bare')
  results = await report()
  expect(results.get('options made in the worker')).toMatchObject({ status: 'passed' })
  const without = results.get('a test without captchaGuardOptions')
  expect(without).toMatchObject({ status: 'failed' })
  expect(without?.error?.message).toContain('use: { captchaGuardOptions: {')
  expect(said).toContain('solveguard: 1 solved in 1 test; $0.001 spent')
})

/** Runs a part of the suite and returns its output. A test that fails is a result. */
async function run(variables: Record<string, string>, ...args: string[]): Promise<string> {
  const browser = await findBrowser({ windows: false })
  const wrapper = join(folder, 'browser.sh')
  const start = `exec '${browser?.path}' ${CHROMIUM_FLAGS.join(' ')} "$@"`
  const script = `#!/bin/sh\nenv > ${folder}/browser-environment\n${start}\n`
  await writeFile(wrapper, script)
  await chmod(wrapper, 0o755)
  // It keeps what it has compiled in the temporary folder.
  const env = {
    ...process.env,
    TMPDIR: folder,
    ...variables,
    SITE_URL: siteUrl,
    SERVICE_URL: service.url,
    BROWSER: wrapper,
  }
  const cli = join(folder, 'node_modules/@playwright/test/cli.js')
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'test', ...args], { cwd: folder, env, timeout: 240_000 }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    )
  })
}

async function report(): Promise<Map<string, Result>> {
  const found = new Map<string, Result>()
  const visit = ({ suites = [], specs = [] }: Suite): void => {
    for (const { title, tests } of specs)
      for (const { results } of tests) for (const one of results) found.set(title, one)
    suites.forEach(visit)
  }
  visit(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')))
  return found
}

interface Suite {
  readonly suites?: readonly Suite[]
  readonly specs?: readonly {
    readonly title: string
    readonly tests: readonly { readonly results: readonly Result[] }[]
  }[]
}

/** Every file that the run has written, and those inside archives. */
async function everyFile(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || path.includes('node_modules')) continue
    const name = path.slice(folder.length + 1)
    const bytes = await readFile(path)
    files.set(name, bytes.toString('latin1'))
    if (name.endsWith('.zip')) for (const [inner, text] of unzip(bytes)) files.set(`${name}: ${inner}`, text)
    // The HTML report holds its data as an archive.
    const packed = /data:application\/zip;base64,([\w+/=]+)/.exec(bytes.toString('latin1'))?.[1]
    if (packed) for (const [inner, text] of unzip(Buffer.from(packed, 'base64'))) files.set(`${name}: ${inner}`, text)
  }
  return files
}
