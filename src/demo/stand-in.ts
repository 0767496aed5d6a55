import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import type { SolveResult } from '../adapters/engine/result.js'
import { type Captcha, guardContext } from '../adapters/playwright/index.js'
import { verifyAudit } from '../audit/verify.js'
import { type Code, DeniedError } from '../base/errors.js'
import { createGuard } from '../guard/create.js'
import type { Guard, Status } from '../guard/types.js'
import { fileLedger } from '../ledger/file.js'
import type { Ledger } from '../ledger/ledger.js'
import { memoryLedger } from '../ledger/memory.js'
import { loadSqlite } from '../ledger/sqlite/load.js'
import { formatMs } from '../policy/duration.js'
import { formatUsd, usd } from '../policy/money.js'
import type { NarrowingInput } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Secret } from '../secrets/secret.js'
import { captchaAI } from '../solvers/captchaai.js'
import { type SolverService, startSolverService } from '../testing/service/index.js'
import { type StandInSite, startSite } from '../testing/site/index.js'
import { startRecaptcha } from '../testing/vendors/recaptcha/index.js'
import type { DemoRun } from './run.js'

/** Dollars. */
const PRICE = 0.001
const BUDGET = usd(0.01)
/** For everything that waits for the browser: a busy machine must not make the demo fail. */
const PATIENT_MS = 120_000

/** The services, all on this machine: a solver service, and a site whose server verifies tokens. */
interface StandIns {
  readonly service: SolverService
  readonly site: StandInSite
  /** Undefined: a file in the run's folder. */
  readonly memory: Ledger | undefined
}

/**
 * The main job and the layers, on stand-ins.
 *
 * @returns a summary
 * @throws Error at the first step whose result is not the expected one
 */
export async function standInDemo(run: DemoRun): Promise<string> {
  const { report, folder } = run
  // Not needed here, and the browser must not inherit it.
  delete process.env.SOLVEGUARD_KEY
  report.title(
    'solveguard — one guarded solve on a real page. No key, no network, no money: all services are stand-ins.',
  )

  // Before all else, so that a browser that does not start leaves nothing behind. (With a real key, the guard comes
  // first.)
  const browser = await run.browser()
  await using recaptcha = await startRecaptcha()
  await using service = await startSolverService({
    solveMs: 400,
    price: PRICE,
    onAnswer: ({ sitekey }, token) => recaptcha.issue({ sitekey, token }),
  })
  await using site = await startSite({ recaptcha })
  const memory = (await hasSqlite()) ? undefined : memoryLedger()
  const standIns = { service, site, memory }
  await using guard = await demoGuard(run, standIns, 'demo', keyOf(service.key))
  const account = accountOf(guard)

  report.section('Setup')
  report.step({ what: 'solver', detail: `stand-in CaptchaAI at ${service.url}, ${formatUsd(usd(PRICE))} a solve` })
  report.step({ what: 'site', detail: `${site.url}/login; its server verifies each token at a stand-in siteverify` })
  report.step({
    what: 'guard',
    detail: `allows ${site.url}, spends at most ${formatUsd(BUDGET)} a day, records every attempt`,
  })

  if (memory) {
    report.step({
      what: 'ledger',
      detail: 'in memory: this Node has no SQLite. The ledger in a file needs `npm install libsql`, or Node 22.13',
    })
  }
  report.step({ what: 'browser', detail: `Chromium ${browser.version()}` })
  await signIn(run, standIns, guard, browser)
  const { layers, otherBooks: otherAccount } = await showLayers(run, standIns, guard, browser)
  const own = await account()
  total(run, [own, otherAccount], service)

  await guard.close()
  const records = await verified(folder, memory)
  report.place('audit log', join(folder, 'audit'), `${records} records, hash chain verified`)
  report.place('screenshot', join(folder, 'accepted.png'))
  const spent = `${formatUsd(own.day.spent)} of stand-in money spent`
  return `1 sign-in accepted by the server, ${layers.length} attempts denied, ${spent}`
}

// -- the main job -----------------------------------------------------------------------------------------------

async function signIn({ report, folder }: DemoRun, { site }: StandIns, guard: Guard, browser: Browser): Promise<void> {
  report.section('The main job: sign in on a page with a reCAPTCHA v2')
  const stop = [
    guard.on('authorized', ({ reserved }) =>
      report.step({
        what: 'authorized',
        detail: `all layers allow it; ${formatUsd(reserved)} reserved, audit record written`,
      }),
    ),
    guard.on('submitted', ({ taskId }) =>
      report.step({ what: 'submitted', detail: `the service accepted it as task ${taskId}` }),
    ),
    guard.on('solved', ({ cost, durationMs }) =>
      report.step({ what: 'solved', detail: `after ${formatMs(durationMs)}, for ${formatUsd(cost)}` }),
    ),
  ]
  const { context, captcha } = await guardedContext(browser, guard)
  const page = await context.newPage()
  await page.goto(`${site.url}/login`)
  const [found] = await captcha.waitFor(page, { timeout: PATIENT_MS })
  expect(report, found !== undefined, 'found', `a ${found?.family} ${found?.variant}, sitekey ${found?.sitekey}`)

  const { solved, failed, denied } = await captcha.solve(page)
  const problem = failed[0]?.error.message ?? denied[0]?.error.message ?? 'no solution'
  expect(
    report,
    solved.length === 1,
    'injected',
    solved.length ? "the token is where the page's own code reads it" : problem,
  )

  await page.getByRole('button', { name: /sign in/i }).click()
  const welcome = page.getByRole('heading', { level: 1 })
  await welcome.waitFor()
  const text = (await welcome.textContent())?.trim() ?? ''
  expect(report, site.verified.at(-1)?.success === true, 'accepted', `the page shows: “${text}”`)
  await solved[0]?.solution.reportGood()
  const screenshot = () => page.screenshot({ path: join(folder, 'accepted.png') })
  // On a busy machine, the browser's first attempt can fail.
  await screenshot().catch(screenshot)
  for (const off of stop) off()
  await captcha.close()
  await context.close()
}

// -- the layers -------------------------------------------------------------------------------------------------

/** An attempt that was denied, as expected. */
interface Denied {
  readonly layer: string
  readonly code: Code
}

async function showLayers(
  run: DemoRun,
  standIns: StandIns,
  guard: Guard,
  browser: Browser,
): Promise<{ readonly layers: readonly Denied[]; readonly otherBooks: GuardAccount }> {
  const { report } = run
  const { site } = standIns
  report.section('The layers: each of these attempts must be denied')
  const layers = [
    await inContext(browser, guard, undefined, async (captcha, page) => {
      await page.goto(`${site.otherUrl}/login`)
      const { solved, unnamed } = await captcha.solve(page)
      expect(
        report,
        solved.length === 0 && unnamed.length === 1,
        'origin',
        'nothing is run in a page that is not named',
      )
      // A caller may still name a widget: that attempt is on the record.
      const widget = {
        family: 'recaptcha',
        variant: 'v2-checkbox',
        sitekey: site.sitekey,
        pageUrl: page.url(),
      } as const
      const error = await captcha.grant.solve(widget).catch((thrown: unknown) => thrown)
      const denied = error instanceof DeniedError ? [{ error }] : []
      return expectDenial(report, { denied, solved }, 'origin', 'ORIGIN_NOT_NAMED')
    }),
    await inContext(browser, guard, { budget: { perDay: usd(2 * PRICE), alertsAt: [] } }, async (captcha, page) => {
      for (let visit = 1; visit <= 2; visit++) {
        await page.goto(`${site.url}/login`)
        const { cost } = await solve(captcha, page)
        report.step({
          what: 'spent',
          detail: `visit ${visit}: ${formatUsd(cost)} of this context's ${formatUsd(usd(2 * PRICE))} a day`,
        })
      }
      await page.goto(`${site.url}/login`)
      return expectDenial(report, await solve(captcha, page), 'spending', 'BUDGET_EXHAUSTED')
    }),
    await inContext(browser, guard, { schedule: notToday() }, async (captcha, page) => {
      await page.goto(`${site.url}/login`)
      return expectDenial(report, await solve(captcha, page), 'time', 'OUTSIDE_SCHEDULE')
    }),
  ]
  const { denied, account } = await wrongKey(run, standIns, browser)
  return { layers: [...layers, denied], otherBooks: account }
}

/** A key that the service does not know: the guard pauses with the reason, and sends the service no further request. */
async function wrongKey(
  run: DemoRun,
  standIns: StandIns,
  browser: Browser,
): Promise<{ readonly denied: Denied; readonly account: GuardAccount }> {
  const { report } = run
  await using guard = await demoGuard(run, standIns, 'demo-wrong-key', keyOf('00000000000000000000000000000000'))
  const account = accountOf(guard)
  const denied = await inContext(browser, guard, undefined, async (captcha, page) => {
    await page.goto(`${standIns.site.url}/login`)
    const { failed } = await solve(captcha, page)
    const { paused } = await guard.status()
    expect(
      report,
      failed[0]?.error.code === 'KEY_REFUSED',
      'wrong key',
      failed[0]?.error.message ?? 'the service accepted it',
    )
    expect(
      report,
      paused?.code === 'KEY_REFUSED',
      'paused',
      'the guard paused itself, in every process that uses its name',
    )
    return expectDenial(report, await solve(captcha, page), 'secret', 'GUARD_PAUSED')
  })
  return { denied, account: await account() }
}

async function inContext<T>(
  browser: Browser,
  guard: Guard,
  narrowing: NarrowingInput | undefined,
  work: (captcha: Captcha<Page>, page: Page) => Promise<T>,
): Promise<T> {
  const { context, captcha } = await guardedContext(browser, guard, narrowing)
  try {
    return await work(captcha, await context.newPage())
  } finally {
    await captcha.close()
    await context.close()
  }
}

async function guardedContext(
  browser: Browser,
  guard: Guard,
  narrowing?: NarrowingInput,
): Promise<{ readonly context: BrowserContext; readonly captcha: Captcha<Page> }> {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } })
  context.setDefaultTimeout(PATIENT_MS)
  return { context, captcha: await guardContext(guard, context, narrowing, { evaluateMs: PATIENT_MS }) }
}

/** Solves what is due in a page, once there is a widget that is due. */
async function solve(captcha: Captcha<Page>, page: Page): Promise<SolveResult> {
  await captcha.waitFor(page, { timeout: PATIENT_MS })
  return captcha.solve(page)
}

/** Reports the denial, and throws if there is none. */
function expectDenial(
  report: DemoRun['report'],
  {
    denied,
    solved,
  }: { readonly denied: readonly { readonly error: DeniedError }[]; readonly solved: readonly unknown[] },
  layer: string,
  code: Code,
): Denied {
  const error = denied[0]?.error
  const asExpected =
    solved.length === 0 && error?.code === code && (code !== 'BUDGET_EXHAUSTED' || error.retryAt !== undefined)
  expect(report, asExpected, layer, error ? `${error.code}: ${error.message}` : 'it was not denied', {
    code: error?.code,
    retryAt: error?.retryAt,
  })
  return { layer, code }
}

/** Reports a step. Throws if its result is not the expected one: the demo has failed. */
function expect(report: DemoRun['report'], ok: boolean, what: string, detail: string, facts = {}): void {
  report.step({ what, detail, ok, facts })
  if (!ok) throw new Error(`${what}: ${detail}`)
}

// -- the guards and totals --------------------------------------------------------------------------------------

function demoGuard(
  { folder }: DemoRun,
  { service, site, memory }: StandIns,
  name: string,
  secret: SecretProvider,
): Promise<Guard> {
  return createGuard({
    name,
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: PRICE },
      polling: { firstPollMs: 250, everyMs: 100 },
    }),
    secret,
    policy: { origins: [site.url], budget: { perDay: BUDGET, perMinute: 20, concurrent: 2 } },
    stateDir: folder,
    ...(memory && { ledger: memory }),
    // The demo reports the alerts that matter as steps: no log lines besides.
    logger: { debug() {}, info() {}, warn() {} },
  })
}

/** False on a Node without SQLite where `libsql` is not installed: npx installs this package alone. */
function hasSqlite(): Promise<boolean> {
  return loadSqlite().then(
    () => true,
    () => false,
  )
}

/** The stand-in's key. A real one belongs in a secrets store or, at the least, in SOLVEGUARD_KEY. */
function keyOf(key: string): SecretProvider {
  const value = new Secret(key)
  return { kind: 'demo', place: 'the demo', fetch: () => ({ current: { value, version: '1' } }) }
}

/** Working hours on a day that is neither today nor next to it, so that no time zone makes a difference. */
function notToday(): NonNullable<NarrowingInput['schedule']> {
  const day = ['Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun', 'Mon'][new Date().getUTCDay()] as string
  return { timeZone: 'Etc/UTC', windows: [{ days: day, from: '09:00', to: '17:00' }] }
}

/** How often one guard has allowed and denied, by its events, and its ledger's status. */
interface GuardAccount {
  readonly name: string
  readonly allowed: number
  readonly denied: number
  readonly day: Status['day']
}

/** Counts the guard's events from now on. */
function accountOf(guard: Guard): () => Promise<GuardAccount> {
  let allowed = 0
  let denied = 0
  guard.on('authorized', () => void allowed++)
  guard.on('denied', () => void denied++)
  return async () => ({ name: guard.name, allowed, denied, day: (await guard.status()).day })
}

function total({ report }: DemoRun, guards: readonly GuardAccount[], service: SolverService): void {
  report.table(
    ['', 'allowed', 'denied', 'spent', 'reserved', 'left today'],
    [
      ...guards.map(({ name, allowed, denied, day }) => [
        `guard ${name}`,
        allowed,
        denied,
        ...[day.spent, day.reserved, day.left].map(formatUsd),
      ]),
      ['the service’s account', service.tasks.length, undefined, formatUsd(service.charged), undefined, undefined],
    ],
  )
  const spent = guards.reduce((sum, { day }) => sum + day.spent, 0)
  expect(report, spent === service.charged, 'account', 'the ledger counts exactly what the service charged')
}

async function verified(folder: string, memory: Ledger | undefined): Promise<number> {
  const ledger = memory ?? fileLedger({ dir: folder })
  await ledger.open()
  const heads = await ledger.heads()
  await ledger.close()
  const result = await verifyAudit(join(folder, 'audit'), { heads })
  if (!result.ok)
    throw new Error(`audit: ${result.firstBad?.file} line ${result.firstBad?.line}: ${result.firstBad?.reason}`)
  return result.records
}
