// Collects the pages of a paginated catalogue. The site's owner, who put a reCAPTCHA before each page, runs this
// script. It keeps within a budget, and continues where it stopped: the first run's budget is enough for two pages; the
// second run has the next day's budget. On stand-ins: node examples/script/scrape.mjs
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { createGuard, formatUsd, usd } from 'solveguard'
import { guardContext } from 'solveguard/playwright'
import { captchaAI } from 'solveguard/solvers'
import { startRecaptcha, startSite, startSolverService } from 'solveguard/testing'

const PAGES = 4
const pageOf = (number) => `
  <h1>Page ${number}</h1>
  <script src="{{vendor}}/recaptcha/api.js"></script>
  <form method="post"><div class="g-recaptcha" data-sitekey="{{sitekey}}"></div><button>Show the prices</button></form>`
const paths = Array.from({ length: PAGES }, (_, index) => `/catalogue-${index + 1}`)

const recaptcha = await startRecaptcha()
const site = await startSite({
  recaptcha,
  pages: Object.fromEntries(paths.map((path, index) => [path, pageOf(index + 1)])),
})
const service = await startSolverService({
  price: 0.001,
  onAnswer: ({ sitekey }, token) => recaptcha.issue({ sitekey, token }),
})

/** What was collected so far, by path. `save` replaces the file as a whole, so it is never half written. */
async function load(file) {
  return JSON.parse(await readFile(file, 'utf8').catch(() => '{}'))
}

async function save(file, collected) {
  await writeFile(`${file}.new`, JSON.stringify(collected))
  await rename(`${file}.new`, file)
}

/** @returns whether all pages were collected */
async function collect(file, budgetName) {
  // Create the guard first: it takes the key out of the environment, which the browser would inherit.
  process.env.SOLVEGUARD_KEY = service.key
  const guard = await createGuard({
    name: budgetName,
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 0, everyMs: 50 },
    }),
    policy: { origins: [site.url], budget: { perDay: usd(0.002) } },
    stateDir: join(folder, 'state'),
  })
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH, args: ['--no-sandbox'] })
  try {
    const context = await browser.newContext()
    const captcha = await guardContext(guard, context)
    const page = await context.newPage()
    const collected = await load(file)
    for (const path of paths.filter((wanted) => !(wanted in collected))) {
      await page.goto(`${site.url}${path}`)
      const { solved, denied, failed, cost } = await captcha.solve(page)
      const [problem] = [...denied, ...failed]
      if (problem) {
        const { code, retryAt } = problem.error
        console.log(`${path}: ${code}, try again at ${retryAt?.toISOString() ?? 'any time'}`)
        return false
      }
      await page.getByRole('button').click()
      collected[path] = await page.getByRole('heading', { level: 1 }).textContent()
      await save(file, collected)
      console.log(`${path}: ${solved.length} solved for ${formatUsd(cost)}: ${collected[path]}`)
    }
    return true
  } finally {
    await browser.close()
    await guard.close()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'solveguard-scrape-'))
const file = join(folder, 'collected.json')
try {
  console.log(`all collected: ${await collect(file, 'first-day')}`)
  console.log(`all collected: ${await collect(file, 'second-day')}`)
  const count = Object.keys(await load(file)).length
  const bought = service.requests.filter(({ endpoint }) => endpoint === 'in').length
  if (count !== PAGES || bought !== PAGES)
    throw new Error(`${count} of ${PAGES} pages were collected, ${bought} bought`)
} finally {
  await rm(folder, { recursive: true, force: true })
  await Promise.all([site, recaptcha, service].map((server) => server.close()))
}
