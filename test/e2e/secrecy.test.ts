import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { pino } from 'pino'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { guardContext } from '../../src/adapters/playwright.js'
import { createGuard, type GuardEvents, usd } from '../../src/index.js'
import { envSecret } from '../../src/secrets/index.js'
import { captchaAI } from '../../src/solvers/index.js'
import { type SolverService, startRecaptcha, startSite, startSolverService } from '../../src/testing/index.js'
import { launchBrowser } from '../support/browser.js'
import { type RunningProxy, startTinyproxy } from '../support/proxies.js'
import { unzip } from '../support/unzip.js'

const KEY = 'k3y-0f-th3-t3st-which-must-not-be-seen'
const PROXY_PASSWORD = 'pr0xy-p4ssw0rd-which-must-not-be-seen'
/** That of the proxy that the page is browsed through: only the service is told. */
const PAGE_PASSWORD = 'p4ge-p4ssw0rd-which-must-not-be-seen'

/** Everything that was written, said or kept on the way, by where it was. */
const traces = new Map<string, string>()
/** Where a solution may be: what the page itself holds and sends is the user's own. */
const OF_THE_PAGE = /^(browser trace|HAR)/
const tokens: string[] = []
let folder: string
let service: SolverService
let proxy: RunningProxy
let browser: Browser

const keep = (where: string, text: string): void => void traces.set(where, (traces.get(where) ?? '') + text)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'solveguard-secrecy-'))
  proxy = await startTinyproxy({ user: 'egress', password: PROXY_PASSWORD })
  const recaptcha = await startRecaptcha()
  service = await startSolverService({
    keys: { [KEY]: 10 },
    price: 0.001,
    onAnswer: ({ fields }, token) => {
      tokens.push(token)
      recaptcha.issue({ sitekey: fields.googlekey ?? '', token })
    },
  })
  const site = await startSite({ recaptcha })

  const written = [hear(process.stdout, 'stdout'), hear(process.stderr, 'stderr')]
  process.env.TEST_SOLVER_KEY = KEY
  const guard = await createGuard({
    name: 'secrecy',
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: 0.001 },
      patience: { firstPollMs: 0, everyMs: 5 },
    }),
    secret: envSecret('TEST_SOLVER_KEY'),
    policy: {
      origins: [site.url],
      budget: { perDay: usd(0.01), alertsAt: [0.1] },
      egress: { proxy: proxy.url.replace('://', `://egress:${PROXY_PASSWORD}@`) },
    },
    stateDir: join(folder, 'state'),
    logger: pino({ level: 'trace' }, { write: (line: string) => keep('logger', line) }),
  })
  for (const name of EVENTS)
    guard.on(name, (event) => keep('events', inspect(event, { depth: 9 }) + JSON.stringify(event)))

  browser = await launchBrowser()
  for (const [pid, text] of processes('environ')) keep(`environment of process ${pid}`, text)
  for (const [pid, text] of processes('cmdline')) keep(`command line of process ${pid}`, text)

  const context = await browser.newContext({ recordHar: { path: join(folder, 'page.har') } })
  await context.tracing.start({ snapshots: true, screenshots: false })
  await using captcha = await guardContext(guard, context, {
    pageProxy: `http://browser:${PAGE_PASSWORD}@203.0.113.9:3128`,
  })
  const page = await context.newPage()
  await page.goto(`${site.url}/login`)
  const result = await captcha.solve(page)
  console.log(result)
  keep('result', inspect(result, { depth: 9 }) + JSON.stringify(result))
  await page.getByRole('button', { name: /sign in/i }).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect(site.verified.at(-1)?.success).toBe(true)
  await result.solved[0]?.solution.reportBad()

  // What goes wrong must not tell more than what goes right.
  for (const behaviour of [
    { half: true },
    { html: `<p>${KEY}</p>` },
    { error: `ERROR_${KEY}` },
    { error: `ERROR_${PAGE_PASSWORD}` },
  ] as const) {
    service.next('in', behaviour)
    const abort = AbortSignal.timeout(500)
    await page.goto(`${site.url}/login`)
    keep('result', inspect(await captcha.solve(page, { signal: abort }), { depth: 9 }))
  }
  keep('status', inspect(await guard.status(), { depth: 9 }) + JSON.stringify(await guard.status()))
  await captcha.close()
  await context.tracing.stop({ path: join(folder, 'trace.zip') })
  await context.close()
  await guard.close()
  for (const restore of written) restore()
  for (const name of readdirSync(join(folder, 'state'), { recursive: true, withFileTypes: true })) {
    if (name.isFile()) keep(`file ${name.name}`, readFileSync(join(name.parentPath, name.name), 'latin1'))
  }
  keep('HAR', readFileSync(join(folder, 'page.har'), 'utf8'))
  for (const [name, text] of unzip(readFileSync(join(folder, 'trace.zip')))) keep(`browser trace ${name}`, text)
  keep("proxy's log", await proxy.log())
  await Promise.all([site.close(), recaptcha.close()])
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await service?.close()
  await proxy?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const EVENTS: (keyof GuardEvents)[] = [
  'authorised',
  'submitted',
  'retrying',
  'solved',
  'failed',
  'denied',
  'abandoned',
  'recovered',
  'injected',
  'accepted',
  'rejected',
  'paused',
  'resumed',
  'alert',
]

it('looks where there is something to find', () => {
  const places = [...traces.keys()].join('\n')
  for (const place of [
    'logger',
    'events',
    'status',
    'stdout',
    'ledger.db',
    '.jsonl',
    'HAR',
    'trace',
    'environment',
    'command line',
    'proxy',
  ]) {
    expect(places).toContain(place)
  }
  for (const [where, text] of traces) expect(`${where}: ${text.length > 0}`).toBe(`${where}: true`)
  // And the search itself finds what is there: the page's own request has the token in it.
  expect(tokens.length).toBeGreaterThan(0)
  expect(traces.get('HAR')).toContain(tokens[0])
})

it('the key is in no file, log, event, error, trace, HAR, environment or command line', () => {
  expect(service.requests.length).toBeGreaterThan(0)
  expect(service.keysInUrls).toBe(0)
  for (const secret of spellings(KEY)) expect(found(secret)).toEqual([])
})

it('the proxy password is in none of them either', () => {
  for (const secret of spellings(PROXY_PASSWORD)) expect(found(secret)).toEqual([])
})

it('nor is that of the proxy that the page is browsed through, which the service was told', () => {
  expect(service.tasks.every(({ proxy }) => proxy?.includes(PAGE_PASSWORD))).toBe(true)
  for (const secret of spellings(PAGE_PASSWORD)) expect(found(secret)).toEqual([])
})

it('a solution is in none of ours: only in the page that it was bought for, and in what that sends', () => {
  for (const token of tokens) expect(found(token).filter((where) => !OF_THE_PAGE.test(where))).toEqual([])
})

function found(secret: string): string[] {
  return [...traces].filter(([, text]) => text.includes(secret)).map(([where]) => where)
}

/** A secret, and the ways in which one may come out by accident. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString('base64').slice(0, -4), bytes.toString('hex'), encodeURIComponent(secret)]
}

/** What the kernel keeps of every process that this one started, the browser's among them. */
function processes(file: 'environ' | 'cmdline'): [string, string][] {
  const parents = new Map<string, string>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = read(`/proc/${pid}/stat`)
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    if (parent !== undefined) parents.set(pid, parent)
  }
  const isOurs = (pid: string | undefined): boolean =>
    pid !== undefined && (parents.get(pid) === String(process.pid) || isOurs(parents.get(pid)))
  return [...parents.keys()].filter(isOurs).map((pid) => [pid, read(`/proc/${pid}/${file}`) || '(gone)'])
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Keeps what is written to a stream from now on. */
function hear(stream: NodeJS.WriteStream, name: string): () => void {
  const write = stream.write.bind(stream)
  keep(name, ' ')
  stream.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    keep(name, String(chunk))
    return write(chunk, ...rest)
  }) as typeof stream.write
  return () => {
    stream.write = write
  }
}
