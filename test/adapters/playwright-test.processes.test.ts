import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
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
let everyStep: readonly TracedStep[]
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
    solveMs: ({ pageUrl }) => (pageUrl.includes('&slow') ? 4_000 : 0),
    onAnswer: ({ family, sitekey, pageUrl }, token) => {
      if (family !== 'recaptcha' || pageUrl.includes('?day')) return
      tokens.push(token)
      recaptcha.issue({ sitekey, token })
    },
  })
  stop.push(site.close, recaptcha.close, service.close)
  await cp(suite, folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await installInto(folder, [
    '@playwright/test',
    'playwright',
    'playwright-core',
    'ioredis',
    'libsql',
    ...Object.keys(manifest.dependencies),
  ])
  output = await run({ SOLVEGUARD_KEY: KEY }, 'budget.spec.ts', 'day.spec.ts', 'worker.spec.ts')
  results = await report()
  everyStep = await stepsInTraces()
})

afterAll(async () => {
  await Promise.all(stop.map((one) => one()))
  await rm(folder, { recursive: true, force: true })
})

const SIGN_INS = ['/login', '/explicit', '/enterprise', '/named'].map((path) => `sign in on ${path}`)
const signIns = () => SIGN_INS.map((title) => results.get(title))
const allAttached = (title: string) =>
  (results.get(title)?.attachments ?? []).flatMap(({ name, body }) =>
    name === 'captchas' && body ? [JSON.parse(Buffer.from(body, 'base64').toString())] : [],
  )
const attached = (title: string) => allAttached(title)[0]

const stepsOf = (title: string) => results.get(title)?.steps?.map((step) => step.title)

it('shares one budget between two workers', () => {
  expect(new Set(signIns().map((result) => result?.workerIndex)).size).toBeGreaterThan(1)
  expect(
    signIns()
      .map((result) => result?.status)
      .sort(),
  ).toEqual(['failed', 'passed', 'passed', 'passed'])
  expect(tokens).toHaveLength(3)
})

it('fails the test at its own line for a denial with throwOnDenied', () => {
  const denied = signIns().find((result) => result?.status === 'failed')
  expect(denied?.error?.message).toContain("DeniedError [BUDGET_EXHAUSTED]: Budget 'suite'")
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
      spentUsd: solved ? 0.001 : 0,
      budget: expect.objectContaining({ name: 'suite', cap: 3_000, capUsd: 0.003 }),
      solved: solved ? 1 : 0,
      denied: solved ? 0 : 1,
      failed: 0,
      widgets: [expect.objectContaining({ family: 'recaptcha', outcome: solved ? 'solved' : 'denied' })],
    })
    expect(result?.annotations).toContainEqual({
      type: 'captchas',
      description: expect.stringMatching(
        solved
          ? /^1 solved; \$0\.001 spent$/
          : /^1 denied; \$0\.00 spent\. BUDGET_EXHAUSTED: Budget 'suite': \$0\.003 of \$0\.003 a day is spent/,
      ),
    })
    expect(stepsOf(title)).toContainEqual(
      expect.stringMatching(
        solved
          ? /^captcha\.solve — 1 solved \(recaptcha [a-z2-]+\), \$0\.001, \d+ m?s$/
          : /^captcha\.solve — 1 denied \(recaptcha [a-z2-]+\): BUDGET_EXHAUSTED, \d+ m?s$/,
      ),
    )
  }
})

it('prints one line with the totals in the reporter, what is left of each budget, and why solves were denied', () => {
  expect(output.split('\n').filter((line) => line.startsWith('solveguard:'))).toEqual([
    'solveguard: 29 solved, 3 denied, 1 failed in 15 tests; $0.032 spent; left today $0.00 of $0.003 (suite), ' +
      '$0.993 of $1.00 (a-day), $0.979 of $1.00 (a-worker); denied: BUDGET_EXHAUSTED ×3; failed: SOLVE_ABORTED',
  ])
})

it('gives a test the time back that a solve took, and the steps show what it took', () => {
  expect(results.get('a solve may take longer than the test has left')).toMatchObject({ status: 'passed' })
  expect(stepsOf('a solve may take longer than the test has left')).toContainEqual(
    expect.stringMatching(/^captcha\.solve — 1 solved \(recaptcha v2-checkbox\), \$0\.001, [2-9]\d* s$/),
  )
})

it('gives no time back where that is turned off; what the aborted solve reserved is reported', () => {
  expect(results.get('a solve takes the time of the test')).toMatchObject({ status: 'timedOut' })
  expect(attached('a solve takes the time of the test')).toMatchObject({ spent: 1_000, solved: 0 })
})

it('reports all that a test has spent: pictures, automatic solves, those of its grant, and in its own contexts', () => {
  expect(results.get('everything that was bought')).toMatchObject({ status: 'passed' })
  expect(attached('everything that was bought')).toMatchObject({
    spent: 5_000,
    spentUsd: 0.005,
    solved: 5,
    // What `captcha` has solved; then what its grant has, in another context and by itself.
    widgets: ['image', 'bls', 'recaptcha', 'recaptcha', 'recaptcha'].map((family) => ({ family, outcome: 'solved' })),
  })
  expect(stepsOf('everything that was bought')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^captcha\.solveImage — solved, \$0\.001, /),
      expect.stringMatching(/^captcha\.solveGrid — solved, \$0\.001, /),
      expect.stringMatching(/^captcha\.auto — 1 solved \(recaptcha v2-checkbox\), \$0\.001, /),
      expect.stringMatching(/^captcha\.solve — nothing due \(answered\), /),
    ]),
  )
})

it.each(['Ada', 'Grace'])('reports what the guard buys, by test: %s, in a worker beside another', (who) => {
  const [asked, both, nothing] = ['the guard', 'the guard and captcha', 'for nothing'].map(
    (what) => `${who} asks ${what}`,
  )
  for (const title of [asked, both, nothing]) expect(results.get(title ?? '')).toMatchObject({ status: 'passed' })
  // A hook before all tests, three in the test, one that it left, a hook after the test.
  expect(allAttached(asked ?? '')).toMatchObject([{ spent: 6_000, solved: 5, denied: 0, failed: 0 }])
  expect(allAttached(both ?? '')).toMatchObject([{ spent: 3_000, solved: 3 }])
  // The hook after all tests: the test was reported already.
  expect(allAttached(nothing ?? '')).toMatchObject([
    { spent: 1_000, solved: 1 },
    { spent: 1_000, solved: 1 },
  ])
  const description = '1 solved; $0.001 spent'
  expect(results.get(nothing ?? '')?.annotations).toEqual(Array(2).fill({ type: 'captchas', description }))
  expect(results.get(asked ?? '')?.annotations).toHaveLength(1)
})

it('reports where a test fails why its solve was denied, in words of the test', () => {
  const { error, annotations = [] } = results.get('a denial is reported where the test fails') ?? {}
  const denial = 'BUDGET_EXHAUSTED: The budget of this test (captchaPolicy): $0.00 of $0.00 a day is spent or reserved'
  expect(error?.message).toContain(`  denied: ${denial}`)
  expect(annotations).toContainEqual({ type: 'captchas', description: expect.stringContaining(denial) })
  expect(everyStep.map(({ title }) => title)).toContainEqual(expect.stringContaining(denial))
  expect(output).toContain('\n  BUDGET_EXHAUSTED: ')
})

it('leaves a variable that shows that there is a key', () => {
  expect(results.get('a test that asks whether there is a key is not skipped')).toMatchObject({ status: 'passed' })
})

it('puts each step of a captcha at the line of the test that called it', () => {
  const steps = [...everyStep].filter(({ title }) => title.startsWith('captcha.'))
  expect(steps.length).toBeGreaterThan(10)
  expect(new Set(steps.map(({ file }) => file))).toEqual(
    new Set(['budget', 'day', 'worker'].map((name) => join(folder, `${name}.spec.ts`))),
  )
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
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  stop.push(async () => silent.close())
  const { port } = silent.address() as AddressInfo
  const said = await run({ OTHER_KEY: KEY, SILENT_URL: `redis://127.0.0.1:${port}` }, '--config', 'bare')
  results = await report()
  expect(results.get('options made in the worker')).toMatchObject({ status: 'passed' })
  const without = results.get('a test without captchaGuardOptions')
  expect(without).toMatchObject({ status: 'failed' })
  expect(without?.error?.message).toContain('use: { captchaGuardOptions: {')
  expect(said).toContain('solveguard: 1 solved in 1 test; $0.001 spent; left today $0.999 of $1.00')
  expect(results.get('a test without a CAPTCHA needs no ledger')).toMatchObject({ status: 'passed' })
  const down = results.get('a test with a CAPTCHA needs the ledger')
  expect(down?.error?.message).toContain('DeniedError [LEDGER_UNAVAILABLE]: The ledger')
  const hangs = results.get('a ledger that does not answer within the timeout of the test')
  expect(hangs?.error?.message).toContain('DeniedError [LEDGER_UNAVAILABLE]: The ledger')
})

it('does without a key what the suite says: a test fails and says why, is skipped, or uses stand-ins', async () => {
  const said = await run({ SHOP_PORT: String(await freePort()) }, '--config', 'own-app')
  const ofProject = await report(({ projectName }) => projectName)
  const [failed, skipped, passed] = ['fail', 'skip', 'stand-ins'].map((project) =>
    ['Ada', 'Grace'].map((who) => ofProject.get(`${project} ${who} signs in`)),
  )
  expect([failed, skipped, passed].map((all) => all?.map((one) => one?.status))).toEqual([
    ['failed', 'failed'],
    ['skipped', 'skipped'],
    ['passed', 'passed'],
  ])
  for (const one of failed ?? []) {
    expect(one?.error?.message).toContain('The environment variable SOLVEGUARD_KEY is not set')
    expect(one?.error?.location?.file).toBe(join(folder, 'own-app/shop.spec.ts'))
  }
  // Once for the suite, and one budget of each worker, for nothing was spent.
  expect(new Set(passed?.map((one) => one?.workerIndex)).size).toBe(2)
  expect(said).toContain('solveguard: 2 solved, 2 denied in 4 tests; $0.002 spent of the stand-ins: there is no key; ')
  expect(said).toContain('denied: SECRET_MISSING ×2; 2 tests skipped: there is no key')
  expect(said).toContain('Pull requests from forks get no secrets')
})

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

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

/** The results of a run by title, with something of the test before it if `prefix` is given. */
async function report(prefix?: (test: TestOfReport) => string): Promise<Map<string, Result>> {
  const found = new Map<string, Result>()
  const visit = ({ suites = [], specs = [] }: Suite): void => {
    for (const { title, tests } of specs)
      for (const test of tests) {
        for (const one of test.results) found.set(prefix ? `${prefix(test)} ${title}` : title, one)
      }
    suites.forEach(visit)
  }
  visit(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')))
  return found
}

interface TracedStep {
  readonly title: string
  readonly file: string | undefined
}

/** The steps in the traces of a run, with the file of the test that each is in. */
async function stepsInTraces(): Promise<TracedStep[]> {
  const traces = [...(await everyFile())].filter(([name]) => name.includes('trace.zip: test.trace'))
  const events = traces.flatMap(([, text]) =>
    Buffer.from(text, 'latin1')
      .toString()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  return events
    .filter(({ type, title }) => type === 'before' && typeof title === 'string')
    .map(({ title, stack }) => ({ title, file: stack?.[0]?.file }))
}

interface TestOfReport {
  readonly projectName: string
  readonly results: readonly Result[]
}

interface Suite {
  readonly suites?: readonly Suite[]
  readonly specs?: readonly {
    readonly title: string
    readonly tests: readonly TestOfReport[]
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
