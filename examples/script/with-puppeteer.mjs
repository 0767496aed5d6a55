// Signs in on a page with a reCAPTCHA, with Puppeteer. On stand-ins: node examples/script/with-puppeteer.mjs
import { launch } from 'puppeteer-core'
import { createGuard, formatUsd, usd } from 'solveguard'
import { guardContext } from 'solveguard/puppeteer'
import { captchaAI } from 'solveguard/solvers'
import { startRecaptcha, startSite, startSolverService } from 'solveguard/testing'

const recaptcha = await startRecaptcha()
const site = await startSite({ recaptcha })
const service = await startSolverService({
  price: 0.001,
  onAnswer: ({ sitekey }, token) => recaptcha.issue({ sitekey, token }),
})
process.env.SOLVEGUARD_KEY = service.key

// Create the guard first: it takes the key out of the environment, which the browser would inherit.
const guard = await createGuard({
  name: 'example',
  solver: captchaAI({
    baseUrl: service.url,
    pricing: { per: 'solve', usd: 0.001 },
    polling: { firstPollMs: 0, everyMs: 50 },
  }),
  policy: { origins: [site.url], budget: { perDay: usd(1) } },
  stateDir: process.argv[2] ?? '.solveguard/example',
})
// Without CHROMIUM_PATH, the installed Chrome.
const program = process.env.CHROMIUM_PATH ? { executablePath: process.env.CHROMIUM_PATH } : { channel: 'chrome' }
const browser = await launch({ ...program, args: ['--no-sandbox'] })
const context = await browser.createBrowserContext()
const captcha = await guardContext(guard, context, { budget: { perDay: usd(0.1) } })

const page = await context.newPage()
await page.goto(`${site.url}/login`)
const { solved, denied, cost } = await captcha.solve(page)
console.log(`${solved.length} solved, ${denied.length} denied, ${formatUsd(cost)}`)
await Promise.all([page.waitForNavigation(), page.click('#login button')])
console.log(await page.$eval('h1', ({ textContent }) => textContent))

await browser.close()
await guard.close()
await Promise.all([site, recaptcha, service].map((server) => server.close()))
