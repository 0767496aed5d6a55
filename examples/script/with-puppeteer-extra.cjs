// A script written for puppeteer-extra-plugin-recaptcha, with one import changed. On stand-ins:
// node examples/script/with-puppeteer-extra.cjs
const puppeteerCore = require('puppeteer-core')
const { addExtra } = require('puppeteer-extra')
const { createGuard, usd } = require('solveguard')
const solveguard = require('solveguard/puppeteer-extra')
const { captchaAI } = require('solveguard/solvers')
const { startRecaptcha, startSite, startSolverService } = require('solveguard/testing')

async function main() {
  const recaptcha = await startRecaptcha()
  const site = await startSite({ recaptcha })
  const service = await startSolverService({
    price: 0.001,
    onAnswer: ({ sitekey }, token) => recaptcha.issue({ sitekey, token }),
  })
  process.env.SOLVEGUARD_KEY = service.key

  const guard = createGuard({
    name: 'example',
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 0, everyMs: 50 },
    }),
    policy: { origins: [site.url], budget: { perDay: usd(1) } },
    stateDir: process.argv[2] ?? '.solveguard/example',
  })
  const puppeteer = addExtra(puppeteerCore)
  puppeteer.use(solveguard({ guard }))

  // Without CHROMIUM_PATH, the installed Chrome.
  const program = process.env.CHROMIUM_PATH ? { executablePath: process.env.CHROMIUM_PATH } : { channel: 'chrome' }
  const browser = await puppeteer.launch({ ...program, args: ['--no-sandbox'] })
  const page = await browser.newPage()
  await page.goto(`${site.url}/login`)
  const { captchas, solved, error } = await page.solveRecaptchas()
  console.log(`${captchas.length} found, ${solved.length} solved, ${error ?? 'no error'}`)
  await Promise.all([page.waitForNavigation(), page.click('#login button')])
  console.log(await page.$eval('h1', ({ textContent }) => textContent))

  await browser.close()
  await (await guard).close()
  await Promise.all([site, recaptcha, service].map((server) => server.close()))
}

main()
