import { join } from 'node:path'
import type { Page } from 'playwright'
import type { Skipped } from '../adapters/engine/result.js'
import { guardContext } from '../adapters/playwright/index.js'
import { DeniedError, messageOf, printable, SolveguardError } from '../base/errors.js'
import { createGuard } from '../guard/create.js'
import { formatMs } from '../policy/duration.js'
import { formatUsd, usd } from '../policy/money.js'
import { originOf } from '../policy/origin.js'
import { envSecret } from '../secrets/env.js'
import type { DemoRun } from './run.js'

/** Enough to try it: a user who runs this with a real key has not set a budget yet. */
const BUDGET = usd(0.05)

/**
 * One guarded solve on a page of the user's own, by the real service.
 *
 * @returns a summary
 */
export async function realDemo({ report, folder, browser: launch }: DemoRun, address: string): Promise<string> {
  const page = originOf(address)
  if (!page.ok)
    throw new SolveguardError(
      'COMMAND_INVALID',
      `--url takes the address of a page of yours, such as https://staging.example.com/login: ${page.reason}`,
    )
  if (!process.env.SOLVEGUARD_KEY)
    throw new DeniedError(
      'SECRET_MISSING',
      '--url needs your CaptchaAI key in the environment variable SOLVEGUARD_KEY.',
    )
  report.title(`solveguard — one guarded solve on ${page.record}, by CaptchaAI, with your key`)
  report.section('The main job')
  report.step({
    what: 'permission',
    detail: `by running this you confirm that you own ${page.origin}, or may automate it`,
  })

  // The guard takes the key out of the environment here, before a browser starts that would inherit it.
  await using guard = await createGuard({
    name: 'demo-url',
    secret: envSecret(),
    policy: { origins: [page.origin], budget: { perDay: BUDGET, perMinute: 5, concurrent: 3 } },
  })
  guard.on('alert', ({ code, message }) => report.step({ what: 'alert', detail: `${code}: ${message}` }))
  guard.on('authorized', ({ reserved }) =>
    report.step({ what: 'authorized', detail: `${formatUsd(reserved)} reserved` }),
  )
  guard.on('submitted', ({ taskId }) => report.step({ what: 'submitted', detail: `task ${taskId}` }))
  guard.on('retrying', ({ message, inMs }) =>
    report.step({ what: 'waiting', detail: `${message} Again in ${formatMs(inMs)}.` }),
  )
  guard.on('solved', ({ cost, durationMs }) =>
    report.step({ what: 'solved', detail: `after ${formatMs(durationMs)}, for ${formatUsd(cost)}` }),
  )
  const browser = await launch()
  const context = await browser.newContext()
  await using captcha = await guardContext(guard, context)
  const tab = await context.newPage()
  const status = await open(tab, address)
  const found = await captcha.find(tab)
  for (const { family, variant, sitekey, due } of found) {
    report.step({ what: 'found', detail: `${family} ${variant} ${printable(sitekey, 60)}${due ? '' : ' (not due)'}` })
  }
  const { solved, denied, failed, skipped, cost } = await captcha.solve(tab)
  for (const { error } of [...denied, ...failed])
    report.step({ what: 'not solved', ok: false, detail: `${error.code}: ${error.message}` })
  for (const { challenge, reason } of skipped) {
    const name = 'variant' in challenge ? challenge.variant : (challenge.vendor ?? challenge.signs[0]?.what)
    report.step({ what: 'skipped', detail: `${name}: ${reason}` })
  }
  const shot = join(folder, 'solved.png')
  await tab.screenshot({ path: shot })
  const { day, audit } = await guard.status()
  report.table(
    ['', 'allowed', 'denied', 'spent', 'left today'],
    [['the guard’s ledger', solved.length, denied.length, formatUsd(day.spent), formatUsd(day.left)]],
  )
  report.place('audit log', audit.place ?? audit.kind)
  report.place('screenshot', shot)
  if (solved.length === 0)
    throw new Error(denied[0]?.error.message ?? failed[0]?.error.message ?? noWidgetReason(skipped, status))
  return `${solved.length} solved for ${formatUsd(cost)}`
}

/** @returns the status of the reply */
async function open(tab: Page, address: string): Promise<number | undefined> {
  const reply = await tab.goto(address).catch((error: unknown) => {
    const [, reason] = /(net::\w+|Timeout \d+ms exceeded)/.exec(messageOf(error)) ?? []
    throw new Error(
      `${address} could not be opened (${reason ?? messageOf(error)}): see that a browser on this machine can`,
    )
  })
  // A widget's scripts load later than the page; some pages never stop loading.
  await tab.waitForLoadState('networkidle', { timeout: 10_000 }).catch(() => {})
  return reply?.status()
}

function noWidgetReason(skipped: readonly Skipped[], status: number | undefined): string {
  if (skipped.length > 0) {
    const reasons = skipped.map(({ reason }) => reason).join(', ')
    return `nothing on this page is due: ${reasons} (docs/widgets.md explains these reasons)`
  }
  const answered = status !== undefined && status >= 400 ? `, which the server answered with ${status}` : ''
  const advice = 'look at the screenshot, and give the address of a page that shows one'
  return `there is no CAPTCHA on this page${answered}: ${advice}`
}
