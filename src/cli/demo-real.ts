import { join } from 'node:path'
import { guardContext } from '../adapters/playwright.js'
import { printable } from '../base/errors.js'
import { createGuard } from '../guard/create.js'
import { formatMs } from '../policy/duration.js'
import { formatUsd, usd } from '../policy/money.js'
import { originOf } from '../policy/origin.js'
import { envSecret } from '../secrets/env.js'
import type { DemoRun } from './run.js'

/** Enough for a look, and no more: whoever tries this with a real key has not set a budget yet. */
const BUDGET = usd(0.05)

/** One guarded solve on a page of the user's own, by the real service. */
export async function realDemo({ report, folder, browser: launch }: DemoRun, address: string): Promise<string> {
  const page = originOf(address)
  if (!page.ok)
    throw new Error(
      `--url takes the address of a page of yours, such as https://staging.example.com/login: ${page.reason}`,
    )
  if (!process.env.SOLVEGUARD_KEY)
    throw new Error('--url needs your CaptchaAI key in the environment variable SOLVEGUARD_KEY')
  report.title(`solveguard — one guarded solve on ${page.record}, by CaptchaAI, with your key`)
  report.step({ what: 'leave', detail: `by running this you say that you own ${page.origin}, or may automate it` })

  // The secret is taken out of the environment here, before there is a browser that would inherit it.
  await using guard = await createGuard({
    name: 'demo-url',
    secret: envSecret(),
    policy: { origins: [page.origin], budget: { perDay: BUDGET, perMinute: 5, concurrent: 3 } },
  })
  guard.on('alert', ({ code, message }) => report.step({ what: 'alert', detail: `${code}: ${message}` }))
  guard.on('authorised', ({ reserved }) =>
    report.step({ what: 'authorised', detail: `${formatUsd(reserved)} reserved` }),
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
  await tab.goto(address)
  await tab.waitForLoadState('networkidle').catch(() => {})
  const found = await captcha.find(tab)
  for (const { family, variant, sitekey, due } of found) {
    report.step({ what: 'found', detail: `${family} ${variant} ${printable(sitekey, 60)}${due ? '' : ' (not due)'}` })
  }
  const { solved, denied, failed, skipped, cost } = await captcha.solve(tab)
  for (const { error } of [...denied, ...failed])
    report.step({ what: 'no', ok: false, detail: `${error.code}: ${error.message}` })
  for (const { challenge, reason } of skipped)
    report.step({
      what: 'skipped',
      detail: `${'variant' in challenge ? challenge.variant : (challenge.vendor ?? challenge.signs[0]?.what)}: ${reason}`,
    })
  const shot = join(folder, 'solved.png')
  await tab.screenshot({ path: shot })
  const { day, audit } = await guard.status()
  report.table(
    ['', 'allowed', 'denied', 'spent', 'left today'],
    [['the guard’s ledger', String(solved.length), String(denied.length), formatUsd(day.spent), formatUsd(day.left)]],
  )
  report.place('audit log', audit.place ?? audit.kind)
  report.place('screenshot', shot)
  if (solved.length === 0) {
    const why = denied[0]?.error.message ?? failed[0]?.error.message ?? 'no widget on this page is due'
    throw new Error(why)
  }
  return `${solved.length} solved for ${formatUsd(cost)}`
}
