import dns from 'node:dns'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { GuardOptions } from '../../../src/guard/options.js'
import type { Guard, GuardEvents } from '../../../src/guard/types.js'
import { usd } from '../../../src/policy/money.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { makeCertificate } from '../../support/certificate.js'
import { listen } from '../../support/loopback.js'
import { after, challenge, errorOf, fixedSecret, rig } from '../support.js'

/** Where the calls of a guard fail to arrive. */
interface DeadEnd {
  readonly egress?: PolicyInput['egress']
  readonly baseUrl?: string
  /** Resolves when an endless attempt to connect has begun; absent where each attempt fails at once. */
  readonly hanging?: Promise<unknown>
}

/** A port at which no process listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function portOf(server: Server): Promise<number> {
  const port = await listen(server)
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})))
  after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return port
}

/** Accepts connections and never says a word. */
async function blackHole(): Promise<{ port: number; hanging: Promise<unknown> }> {
  const server = createServer()
  const hanging = new Promise((resolve) => server.once('connection', resolve))
  return { port: await portOf(server), hanging }
}

/** An HTTP proxy that refuses every CONNECT. */
async function refusingProxy(): Promise<number> {
  const server = createHttpServer()
  server.on('connect', (_, socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'))
  return portOf(server)
}

const ROUTES: [string, () => Promise<DeadEnd>][] = [
  ['the service refuses connections', async () => ({ baseUrl: `http://127.0.0.1:${await freePort()}` })],
  ['the HTTP proxy is dead', async () => ({ egress: { proxy: `http://127.0.0.1:${await freePort()}` } })],
  ['the HTTPS proxy is dead', async () => ({ egress: { proxy: `https://127.0.0.1:${await freePort()}` } })],
  ['the SOCKS proxy is dead', async () => ({ egress: { proxy: `socks5://127.0.0.1:${await freePort()}` } })],
  ['the HTTP proxy refuses', async () => ({ egress: { proxy: `http://127.0.0.1:${await refusingProxy()}` } })],
  [
    'the certificate of the service is not accepted',
    async () => ({ baseUrl: `https://127.0.0.1:${await portOf(createHttpsServer(makeCertificate('127.0.0.1')))}` }),
  ],
  [
    'the name of the service is not resolved',
    async () => {
      const lookup = dns.lookup as (...args: unknown[]) => void
      const spy = vi.spyOn(dns, 'lookup').mockImplementation(((...args: unknown[]) => {
        const [name, , callback] = args
        if (name !== 'solver.example' || typeof callback !== 'function') return lookup(...args)
        callback(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))
      }) as typeof dns.lookup)
      after(async () => spy.mockRestore())
      return { baseUrl: 'https://solver.example' }
    },
  ],
  [
    'the service does not answer the TLS handshake',
    async () => {
      const { port, hanging } = await blackHole()
      return { baseUrl: `https://127.0.0.1:${port}`, hanging }
    },
  ],
  [
    'the HTTP proxy does not answer',
    async () => {
      const { port, hanging } = await blackHole()
      return { egress: { proxy: `http://127.0.0.1:${port}` }, hanging }
    },
  ],
  [
    'the SOCKS proxy does not answer',
    async () => {
      const { port, hanging } = await blackHole()
      return { egress: { proxy: `socks5://127.0.0.1:${port}` }, hanging }
    },
  ],
]

async function guardAt({ egress, baseUrl }: DeadEnd, clock: ManualClock, guardOptions: Partial<GuardOptions> = {}) {
  const solver = baseUrl === undefined ? {} : { solver: captchaAI({ baseUrl, pricing: { per: 'solve', usd: 0.001 } }) }
  return rig({
    clock,
    policy: { deadline: '3m', ...(egress && { egress }) },
    guardOptions: { ...solver, ...guardOptions },
  })
}

/** Runs a solve that reaches no service. Moves the clock by exactly what the guard waits for. */
async function solveInVain(guard: Guard, clock: ManualClock, hanging: Promise<unknown> | undefined) {
  const retries: GuardEvents['retrying'][] = []
  let wake = (): void => {}
  guard.on('retrying', (event) => {
    retries.push(event)
    wake()
  })
  const begun = clock.monotonic()
  let ended = false
  let tookMs = 0
  const solving = errorOf(guard.solve(challenge)).finally(() => {
    ended = true
    tookMs = clock.monotonic() - begun
    wake()
  })
  if (hanging) {
    await hanging
    await clock.advance(3_600_000)
  }
  for (let seen = 0; !ended; ) {
    if (retries.length > seen) await clock.advance(retries[seen++]?.inMs ?? 0)
    else
      await new Promise<void>((resolve) => {
        wake = resolve
        if (ended || retries.length > seen) resolve()
      })
  }
  const error = await solving
  return { error, retries, tookMs }
}

describe('a solve that reaches no service, because', () => {
  it.each(ROUTES)('%s, says so at the first retry and gives up within 20 s; nothing is spent', async (_, deadEnd) => {
    const clock = manualClock()
    const { hanging, ...route } = await deadEnd()
    const { guard, service, actions } = await guardAt(route, clock)
    const { error, retries, tookMs } = await solveInVain(guard, clock, hanging)
    expect(error.code).toBe('SOLVER_UNREACHABLE')
    expect(tookMs).toBeLessThanOrEqual(20_000)
    if (hanging) expect(error.message).toMatch(/^No connection to http.* within 20 ?s; nothing was sent\.$/)
    else {
      expect(retries.length).toBeGreaterThan(1)
      // The same sentence each time.
      expect(new Set([...retries.map(({ message }) => message), error.message]).size).toBe(1)
      expect(retries[0]).toMatchObject({ code: 'SOLVER_UNREACHABLE' })
    }
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    expect(actions()).toEqual(['authorized', 'failed'])
    expect(service.requests).toHaveLength(0)
  })
})

describe('connectWithin', () => {
  it('is how long a solve tries to connect', async () => {
    const clock = manualClock()
    const deadEnd = { baseUrl: `http://127.0.0.1:${await freePort()}` }
    const longest = async (connectWithin: '2s' | '90s'): Promise<number> => {
      const { guard } = await guardAt(deadEnd, clock, { connectWithin })
      return (await solveInVain(guard, clock, undefined)).tookMs
    }
    expect(await longest('2s')).toBeLessThanOrEqual(2_000)
    const long = await longest('90s')
    expect([long > 40_000, long <= 90_000]).toEqual([true, true])
  })

  it.each(['500ms', '11m', 'soon'])('is refused as %s', async (connectWithin) => {
    const refused = await errorOf(rig({ guardOptions: { connectWithin: connectWithin as '1s' } }))
    expect(refused).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('connectWithin') })
  })

  it('begins anew when the service has replied meanwhile', async () => {
    const clock = manualClock()
    const busy = await startSolverService()
    after(() => busy.close())
    busy.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    const { guard } = await guardAt({ baseUrl: busy.url }, clock, { secret: fixedSecret(busy.key) })
    const codes: string[] = []
    guard.on('retrying', ({ code }) => codes.push(code))
    const solving = errorOf(guard.solve(challenge))
    for (let i = 0; codes.length < 8 && i < 10_000; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await clock.advance(1_000)
    }
    // A busy service is waited for until the deadline of the solve.
    expect(clock.monotonic()).toBeGreaterThan(20_000)
    expect(new Set(codes)).toEqual(new Set(['SOLVER_BUSY']))
    await guard.close()
    expect((await solving).code).toBe('GUARD_CLOSED')
  })
})

/** The process warnings of a test. */
function warnings() {
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  after(async () => spy.mockRestore())
  return spy
}

describe('without a listener of `retrying`', () => {
  it('a service that cannot be reached is a process warning: one, however many solves there are', async () => {
    const warn = warnings()
    const clock = manualClock()
    const { guard } = await guardAt({ egress: { proxy: `http://127.0.0.1:${await freePort()}` } }, clock)
    const solving = Promise.all([1, 2, 3].map(() => errorOf(guard.solve(challenge))))
    let ended = false
    void solving.then(() => {
      ended = true
    })
    await vi.waitFor(() => expect(warn).toHaveBeenCalled())
    // The clock has not moved: it is reported at the first failure.
    expect(clock.monotonic()).toBe(0)
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      await clock.advance(1_000)
    }
    expect(warn.mock.calls).toEqual([
      [
        expect.stringMatching(/^No connection to the proxy http:\/\/127.*nothing was sent\. It is tried again\.$/),
        { type: 'SolveguardRetry', code: 'SOLVER_UNREACHABLE' },
      ],
    ])
  })

  it('a logger gets it as a warning, and other retries as steps', async () => {
    const clock = manualClock()
    const lines: string[] = []
    const log = (level: string) => (fields: object) => {
      if ('event' in fields && fields.event === 'retrying') lines.push(`${level} ${'code' in fields && fields.code}`)
    }
    const logger = { debug: log('debug'), info: log('info'), warn: log('warn') }
    const { guard } = await guardAt({ baseUrl: `http://127.0.0.1:${await freePort()}` }, clock, { logger })
    await solveInVain(guard, clock, undefined)
    expect(new Set(lines)).toEqual(new Set(['warn SOLVER_UNREACHABLE']))
  })

  it('polls that do not arrive are a process warning too; the task is followed to its end', async () => {
    const warn = warnings()
    const clock = manualClock()
    const { guard, service } = await rig({ clock, policy: { budget: { perDay: usd(1) }, deadline: '30s' } })
    service.always('in', { pendingTimes: 1_000_000 })
    const solving = errorOf(guard.solve(challenge))
    await vi.waitFor(() => expect(service.tasks[0]?.polls).toBeGreaterThan(0))
    await service.close()
    let ended = false
    void solving.then(() => {
      ended = true
    })
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      await clock.advance(1_000)
    }
    expect((await solving).code).toBe('SOLVER_UNREACHABLE')
    expect(
      warn.mock.calls.filter(([, options]) => (options as { type?: string }).type === 'SolveguardRetry'),
    ).toHaveLength(1)
  })
})
