import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { type SolverService, startRecaptcha, startSite, startSolverService } from '../../src/testing/index.js'
import { freePort, listen } from '../support/loopback.js'
import { needles } from '../support/needles.js'
import { startTinyproxy } from '../support/proxies.js'
import { startTap, type Tap } from '../support/tap.js'
import { unzip } from '../support/unzip.js'

/** With special characters: forms, addresses, JSON and other encodings write each of them differently. */
const KEY = 'k3y/of+th3=t3st&which~must!not*be@seen'
const PROXY_PASSWORD = randomBytes(24).toString('base64url')
const PAGE_PROXY_PASSWORD = randomBytes(24).toString('base64url')
const WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`
/** A value in the query of a page's address. */
const QUERY = 'qu3ry-of-the-page-which-may-be-a-session'
/** A value that may be visible: placed where the search has to find it. */
const CANARY = 'canary-that-is-found-wherever-we-look'

/** The service's behavior for later solves: each fails its solve, or the solve is aborted before its retry. */
const FAILURES = [
  { error: 'ERROR_CAPTCHA_UNSOLVABLE' },
  { half: true },
  { drop: true },
  { html: `<p>${KEY}</p>` },
  { error: 'ERROR_NO_SLOT_AVAILABLE' },
  { error: `ERROR_${KEY}` },
  { body: JSON.stringify({ status: 0, request: 'ERROR_WRONG_GOOGLEKEY', was: { KEY, PAGE_PROXY_PASSWORD } }) },
  { status: 502, body: `Bad gateway: ${encodeURIComponent(KEY)}` },
  { error: 'ERROR_KEY_DOES_NOT_EXIST' },
] as const

/** Everything that was written, printed, sent or kept during the job, by kind of place. */
const places = new Map<string, Buffer[]>()
/** The kind of place of a file in the job's folder. */
const FILES: readonly (readonly [RegExp, string])[] = [
  [/^state\/ledger\.db/, 'ledger'],
  [/^state\/audit\//, 'audit log'],
  [/^wire\.\d+\.har$/, 'wire log'],
  [/^logger\.jsonl$/, 'logger'],
  [/^telemetry\.txt$/, 'telemetry'],
  [/^events\.txt$/, 'events'],
  [/^printed\.txt$/, 'printed'],
  [/^alerts\.txt$/, 'alert command'],
  [/^page\.har$/, 'HAR of the page'],
  [/^trace\.zip$/, 'trace of the page'],
  // Session data to restore the page, with the submitted form: the browser decides what it keeps, and when.
  [/^profile\/Default\/Sessions\//, 'browser session'],
  [/^profile\//, 'browser profile'],
  // Parts of a file that is not complete yet.
  [/^tmp\/playwright/, 'trace of the page'],
]
const tokens: string[] = []
let folder: string
let service: SolverService
const cleanups: (() => unknown)[] = []

function keep(where: string, bytes: Buffer | string): void {
  places.set(where, [...(places.get(where) ?? []), typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes])
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'secrecy-'))
  const program = join(import.meta.dirname, '../../node_modules/.cache/solveguard/main-job.mjs')
  await bundleForNode('test/e2e/children/main-job.ts', program)
  const recaptchaPort = await freePort()
  const vendor = await tapped(recaptchaPort)
  const taps = { vendor, webhook: await startWebhook(), ...(await startServers(recaptchaPort, vendor)) }
  const job = startJob(program, {
    SERVICE: at(taps.service),
    SITE: at(taps.site),
    PROXY: `http://egress:${PROXY_PASSWORD}@127.0.0.1:${taps.proxy.port}`,
    PAGE_PROXY: `http://browser-user:${PAGE_PROXY_PASSWORD}@203.0.113.9:3128`,
    WEBHOOK: `${at(taps.webhook)}/alerts`,
    TEST_SOLVER_KEY: KEY,
    TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
    FAILURES: String(FAILURES.length),
  })
  await Promise.race([once(job, 'message'), once(job, 'exit').then(([code]) => Promise.reject(new Error(`${code}`)))])
  keepFiles()
  keepProcesses(job.pid ?? 0)
  job.send('go on')
  await once(job, 'exit')
  expect(readdirSync(folder)).toContain('done')
  keepFiles()
  for (const [name, tap] of Object.entries(taps)) keep(`sent to the ${name}`, tap.sent())
}, 180_000)

afterAll(async () => {
  for (const cleanUp of cleanups.reverse()) await cleanUp()
  rmSync(folder, { recursive: true, force: true })
})

const at = ({ port }: Tap): string => `http://127.0.0.1:${port}`

async function tapped(port: number): Promise<Tap> {
  const tap = await startTap(port)
  cleanups.push(() => tap.close())
  return tap
}

async function startServers(recaptchaPort: number, vendor: Tap): Promise<{ service: Tap; site: Tap; proxy: Tap }> {
  const recaptcha = await startRecaptcha({ port: recaptchaPort, url: `http://localhost:${vendor.port}` })
  service = await startSolverService({
    keys: { [KEY]: 10 },
    price: 0.001,
    solveMs: 20,
    onAnswer: ({ fields }, token) => {
      tokens.push(token)
      recaptcha.issue({ sitekey: fields.googlekey ?? '', token })
    },
  })
  // The first submit is answered as usual.
  service.next('in', {}, ...FAILURES)
  const site = await startSite({ recaptcha, sitekey: CANARY })
  const proxy = await startTinyproxy({ user: 'egress', password: PROXY_PASSWORD })
  cleanups.push(() => Promise.all([recaptcha.close(), service.close(), site.close()]))
  cleanups.push(async () => {
    await proxy.stop()
  })
  return {
    service: await tapped(Number(new URL(service.url).port)),
    site: await tapped(Number(new URL(site.url).port)),
    proxy: await tapped(proxy.port),
  }
}

async function startWebhook(): Promise<Tap> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end())
  })
  const port = await listen(server)
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return tapped(port)
}

/** Starts the job, with a folder and variables of its own. Keeps what it sends. */
function startJob(program: string, env: Record<string, string>): ChildProcess {
  const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')]
  for (const dir of [home, temporary]) mkdirSync(dir)
  const { PATH, CHROMIUM_PATH, PLAYWRIGHT_BROWSERS_PATH } = process.env
  const kept = { PATH, CHROMIUM_PATH, PLAYWRIGHT_BROWSERS_PATH, HOME: home, TMPDIR: temporary, CANARY, QUERY }
  const job = spawn(process.execPath, [program, `--for=${CANARY}`], {
    cwd: folder,
    env: { ...kept, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  cleanups.push(() => void job.kill('SIGKILL'))
  job.stdout?.on('data', (chunk: Buffer) => keep('standard output', chunk))
  job.stderr?.on('data', (chunk: Buffer) => keep('standard error', chunk))
  return job
}

/** Every file that the job has written, with the files in its archives. */
function keepFiles(): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    const kind = FILES.find(([pattern]) => pattern.test(name))?.[1] ?? 'another file'
    const bytes = readIfThere(path)
    keep(kind, Buffer.concat([Buffer.from(`${name}\n`), bytes]))
    if (name === 'trace.zip' && bytes.length > 0)
      for (const [member, text] of unzip(bytes)) keep(kind, `${member}\n${text}`)
  }
}

/** What the kernel shows of the job's process and of the browser's processes that it started. */
function keepProcesses(job: number): void {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = readIfThere(`/proc/${name}/stat`).toString('latin1')
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const below = (pid: number | undefined): boolean => pid !== undefined && (pid === job || below(parents.get(pid)))
  for (const pid of [...parents.keys()].filter(below)) {
    const whose = pid === job ? 'job' : 'browser'
    keep(`environment of the ${whose}`, readIfThere(`/proc/${pid}/environ`))
    keep(`command line of the ${whose}`, readIfThere(`/proc/${pid}/cmdline`))
  }
}

/** Files and processes may disappear during the search. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

/** The kinds of places that contain a secret, or a part of it, in any encoding. */
function whereIs(secret: string): string[] {
  const all = needles(secret)
  return [...places]
    .filter(([, parts]) => parts.some((bytes) => all.some((needle) => bytes.includes(needle))))
    .map(([where]) => where)
    .sort()
}

/** The single requests that a tap has recorded. */
function requests(where: string): { head: string; body: string }[] {
  const text = Buffer.concat(places.get(where) ?? []).toString('latin1')
  return text.split(/(?=(?:POST|GET|CONNECT) [^\r\n]{1,2000} HTTP\/1\.1\r\n)/).map((request) => ({
    head: request.split('\r\n\r\n', 1)[0] ?? '',
    body: request.slice(request.indexOf('\r\n\r\n')),
  }))
}

const OF_THE_PAGE = ['HAR of the page', 'sent to the site', 'trace of the page']
const TO_THE_SERVICE = ['sent to the proxy', 'sent to the service']

describe('the search', () => {
  it('finds a value that was placed into each kind of place', () => {
    expect([...new Set([...whereIs(CANARY), 'browser session'])].sort()).toEqual(
      [
        ...[...new Set(FILES.map(([, kind]) => kind)), 'standard output', 'standard error'],
        ...[
          'environment of the job',
          'environment of the browser',
          'command line of the job',
          'command line of the browser',
        ],
        ...[
          'sent to the service',
          'sent to the proxy',
          'sent to the site',
          'sent to the vendor',
          'sent to the webhook',
        ],
      ].sort(),
    )
  })

  it('has a kind of place for every file', () => {
    const others = (places.get('another file') ?? []).map((bytes) => bytes.toString('latin1').split('\n', 1)[0])
    expect(others.filter((name) => !/^(done$|state\/\.gitignore$|home\/|tmp\/)/.test(name ?? ''))).toEqual([])
  })

  it.each([
    ['itself', (text: string) => text],
    ['a part of it', (text: string) => text.slice(0, 20)],
    ['an address', (text: string) => `https://a.example/?key=${encodeURIComponent(text)}`],
    ['a form', (text: string) => new URLSearchParams({ key: text }).toString()],
    ['JSON', (text: string) => JSON.stringify({ key: text })],
    ['JSON of PHP', (text: string) => JSON.stringify({ key: text }).replaceAll('/', '\\/')],
    ['hexadecimal digits', (text: string) => Buffer.from(`a${text}b`).toString('hex').toUpperCase()],
    ['base64, at the beginning', (text: string) => Buffer.from(`${text}:password`).toString('base64')],
    ['base64, in the middle', (text: string) => Buffer.from(`a:${text}:b`).toString('base64url')],
    ['base64, at the end', (text: string) => Buffer.from(`a${text}`).toString('base64')],
    ['UTF-16', (text: string) => Buffer.from(text, 'utf16le')],
    ['UTF-16, the other way round', (text: string) => Buffer.from(text, 'utf16le').swap16()],
    ['escapes', (text: string) => [...text].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')],
  ])('finds a secret as %s', (_, spelt) => {
    const bytes = Buffer.concat([randomBytes(100), Buffer.from(spelt(KEY)), randomBytes(100)])
    expect(needles(KEY).some((needle) => bytes.includes(needle))).toBe(true)
    expect(needles(`${KEY.slice(1)}?`.split('').reverse().join('')).some((needle) => bytes.includes(needle))).toBe(
      false,
    )
  })
})

it('the job completes: a page signs in, and every kind of failure occurs', () => {
  expect(tokens.length).toBeGreaterThan(0)
  expect(service.tasks.some(({ state, report }) => state === 'ready' && report === 'bad')).toBe(true)
  const printed = Buffer.concat(places.get('printed') ?? []).toString()
  for (const code of [
    ...['ORIGIN_NOT_NAMED', 'CHALLENGE_INVALID', 'CAPTCHA_UNSOLVABLE', 'SOLVER_REPLY_INVALID', 'SOLVE_ABORTED'],
    ...['SOLVER_ERROR', 'SOLVER_REFUSED', 'KEY_REFUSED'],
  ]) {
    expect(printed).toContain(`"code":"${code}"`)
  }
  const telemetry = Buffer.concat(places.get('telemetry') ?? []).toString()
  for (const name of ['sign in', 'solveguard.solve', 'solveguard.submit', 'solveguard.poll', 'solveguard.report']) {
    expect(telemetry).toContain(`"name":"${name}"`)
  }
  expect(telemetry).toContain('solveguard.budget.left')
})

describe('the key', () => {
  it('appears only in its source and in the calls to the service', () => {
    expect(whereIs(KEY)).toEqual(['environment of the job', ...TO_THE_SERVICE])
  })

  it('appears in the body of each call, and in no header', () => {
    expect(service.keysInUrls).toBe(0)
    for (const where of TO_THE_SERVICE) {
      const calls = requests(where).filter(({ head }) => head.startsWith('POST '))
      expect(calls.length).toBeGreaterThan(FAILURES.length)
      const key = new URLSearchParams({ key: KEY }).toString()
      for (const { body } of calls) expect(body.split(key)).toHaveLength(2)
      const heads = requests(where).map(({ head }) => head)
      expect(
        heads.filter((head) => needles(KEY).some((needle) => Buffer.from(head, 'latin1').includes(needle))),
      ).toEqual([])
    }
  })
})

it('a solution appears only in its page, the requests of the page, and the recordings of the browser tool', () => {
  for (const token of tokens) {
    // The first one was injected into the page. The others arrived after their solves were aborted.
    const found = whereIs(token.slice(3)).filter((where) => where !== 'browser session')
    expect(found).toEqual(token === tokens[0] ? OF_THE_PAGE : [])
  }
})

it('the password of the egress proxy is sent to that proxy only', () => {
  expect(whereIs(PROXY_PASSWORD)).toEqual(['environment of the job', 'sent to the proxy'])
})

it('the password of the page’s proxy is sent to the service only', () => {
  expect(whereIs(PAGE_PROXY_PASSWORD)).toEqual(['environment of the job', ...TO_THE_SERVICE])
})

it('the secret that signs alerts is not sent to any receiver', () => {
  expect(whereIs(WEBHOOK_SECRET.slice(6))).toEqual(['environment of the job'])
})

it('a page’s query reaches the service and event listeners, and no log, audit record, trace or alert', () => {
  const ours = [
    'ledger',
    'audit log',
    'wire log',
    'logger',
    'telemetry',
    'alert command',
    'standard output',
    'standard error',
  ]
  expect(whereIs(QUERY).filter((where) => [...ours, 'sent to the webhook'].includes(where))).toEqual([])
  expect(whereIs(QUERY)).toContain('sent to the service')
})
