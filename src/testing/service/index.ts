import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '../../base/clock.js'
import { type Money, usd } from '../../policy/money.js'
import { Secret } from '../../secrets/secret.js'
import { formWire, type Several } from '../../wires/form.js'
import { type TaskDialect, taskWire } from '../../wires/task.js'
import type { Order, RawRequest, Understood, Wire, Words } from '../../wires/wire.js'
import { type Behavior, doesWork, play, Script, type ServiceEndpoint } from './behavior.js'
import { Desk, type ServiceAnswer, type ServiceTask, usualAnswer } from './task-store.js'

export type { Order } from '../../wires/wire.js'
export type { Behavior, ServiceEndpoint } from './behavior.js'
export type { ServiceAnswer, ServiceTask } from './task-store.js'

/** A service that the stand-in can pass for. */
export type ServiceName = 'captchaai' | 'twocaptcha' | 'anticaptcha' | 'capmonster' | 'capsolver'

/** How the stand-in solver service is started: keys, price, speed, and what it answers. */
export interface ServiceOptions {
  /** The service it passes for: its wires, its kind of task ids, what it says. Default: all wires, as 2Captcha speaks them. */
  readonly as?: ServiceName | undefined
  /** The keys that are let in, and the dollars on each. Default: one random key with $1,000, which is `service.key`. */
  readonly keys?: Readonly<Record<string, number>> | undefined
  /** How many tasks may be worked on at a time. Default: no limit. */
  readonly threads?: number | undefined
  /** What is said when they are all busy. CaptchaAI says `ERROR_ZERO_BALANCE` in some places. */
  readonly fullError?: 'ERROR_NO_SLOT_AVAILABLE' | 'ERROR_ZERO_BALANCE' | undefined
  /** How long a task is worked on. Default: 0. */
  readonly solveMs?: number | ((order: Order) => number) | undefined
  /** Dollars charged for a solved task. Default: 0.001, what `captchaAI()` imputes. */
  readonly price?: number | undefined
  /**
   * The answer to a task: a token, or several values by name, as GeeTest's are. A function that throws leaves the task unsolved.
   * Default: what can be read off the stand-in site's pictures; else random, and looks like the vendor's.
   */
  readonly answer?: ((task: ServiceTask) => ServiceAnswer) | undefined
  /** Told of each answer when it is first given: where a stand-in verify endpoint learns which tokens are good. */
  readonly onAnswer?: ((task: ServiceTask, token: string) => void) | undefined
  readonly clock?: Clock | undefined
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number | undefined
}

/** One request that the service was sent. */
export interface ServiceRequest {
  readonly at: number
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly endpoint: ServiceEndpoint | undefined
  /** Its fields, from the body and the URL; the key is replaced by its fingerprint. */
  readonly fields: Readonly<Record<string, string>>
  readonly keyOk: boolean
  readonly keyInUrl: boolean
}

/** A stand-in for a solver service, on loopback. */
export interface SolverService extends AsyncDisposable {
  /** For a solver's `baseUrl`. */
  readonly url: string
  /** A key that it lets in: the first one. */
  readonly key: string
  /** What it was sent, oldest first; the last 10,000. */
  readonly requests: readonly ServiceRequest[]
  readonly tasks: readonly ServiceTask[]
  /** How many requests had a key in their URL. */
  readonly keysInUrls: number
  /** What it charged, all keys together. */
  readonly charged: Money
  /** How many tasks it is working on. */
  readonly working: number
  balance(key?: string): Money
  /** Takes so many dollars from a key's balance, as another client that has it would: a thief, say. */
  spendElsewhere(dollars: number, key?: string): void
  /** Misbehaves on the next calls of this endpoint, one behavior each, in order. */
  next(endpoint: ServiceEndpoint, ...behaviors: Behavior[]): void
  /** Misbehaves on every call of this endpoint until told otherwise (`undefined`). */
  always(endpoint: ServiceEndpoint, behavior: Behavior | undefined): void
  addKey(key: string, dollars: number): void
  /** No longer lets the key in. */
  revoke(key: string): void
  close(): Promise<void>
}

const MOST_REQUESTS = 10_000
const LARGEST_BODY = 4 * 1024 * 1024

/** What each service speaks. */
const SERVICES: Readonly<Record<ServiceName, { form?: Several; tasks?: TaskDialect; ids?: 'uuids' }>> = {
  captchaai: { form: 'in-words' },
  twocaptcha: { form: 'as-objects', tasks: { tells: true, statuses: false } },
  anticaptcha: { tasks: { tells: true, statuses: false } },
  capmonster: { tasks: { tells: false, statuses: false, oneType: true } },
  capsolver: { tasks: { tells: false, statuses: true, readsAtOnce: true }, ids: 'uuids' },
}

/**
 * Starts a stand-in solver service that speaks the form family's wire (`in.php`, `res.php`, plain and JSON) and the task family's (JSON to
 * `createTask`, `getTaskResult` and so on), counts and keeps what it was asked, charges, and misbehaves on demand. Nothing leaves this
 * machine.
 *
 * @example
 * const service = await startSolverService({ keys: { 'a-key-for-tests': 5 }, solveMs: 200 })
 * service.next('in', { error: 'ERROR_NO_SLOT_AVAILABLE' }, { drop: true })
 * const guard = await createGuard({ solver: captchaAI({ baseUrl: service.url }), … })
 */
export async function startSolverService(options: ServiceOptions = {}): Promise<SolverService> {
  const { clock = systemClock, keys = { [randomBytes(16).toString('hex')]: 1000 } } = options
  const { form, tasks, ids = 'numbers' } = SERVICES[options.as ?? 'twocaptcha']
  const wires: readonly Wire[] = [...(form ? [formWire(form)] : []), ...(tasks ? [taskWire(tasks)] : [])]
  const desk = new Desk({
    ids,
    clock,
    keys,
    threads: options.threads ?? Number.POSITIVE_INFINITY,
    fullError: options.fullError ?? 'ERROR_NO_SLOT_AVAILABLE',
    solveMs: options.solveMs ?? 0,
    price: usd(options.price ?? 0.001),
    answer: options.answer ?? usualAnswer,
    onAnswer: options.onAnswer,
  })
  const script = new Script()
  const requests: ServiceRequest[] = []
  let keysInUrls = 0

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await readRequest(message)
    if (!raw) return void response.destroy()
    const understood = hear(wires, raw)
    const { key, keyInUrl = false, endpoint, fields = {} } = understood ?? {}
    if (keyInUrl) keysInUrls++
    requests.push({
      at: clock.now(),
      method: raw.method,
      path: raw.path,
      endpoint,
      fields: key === undefined ? fields : { ...fields, key: new Secret(key).fingerprint },
      keyOk: key !== undefined && desk.isKey(key),
      keyInUrl,
    })
    if (requests.length > MOST_REQUESTS) requests.splice(0, requests.length - MOST_REQUESTS)
    if (!understood) return play(response, { status: 404 }, { text: '', type: 'text/plain' })

    const behavior = script.take(understood.endpoint)
    const usual = understood.speak(answer(desk, understood, behavior))
    if (behavior.delayMs !== undefined)
      await new Promise<void>((resolve) => void clock.after(behavior.delayMs ?? 0, resolve))
    if (!response.destroyed) play(response, behavior, usual)
  }

  const server = createServer((message, response) => {
    handle(message, response).catch(() => response.destroy())
  })
  // A connection that misbehaves is a client's business, and no reason for this process to end.
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const [firstKey = ''] = Object.keys(keys)

  async function close(): Promise<void> {
    if (!server.listening) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  return {
    url: `http://127.0.0.1:${port}`,
    key: firstKey,
    requests,
    get tasks() {
      return desk.tasks
    },
    get keysInUrls() {
      return keysInUrls
    },
    get charged() {
      return desk.charged
    },
    get working() {
      return desk.working
    },
    balance: (key = firstKey) => desk.balance(key),
    spendElsewhere: (dollars, key = firstKey) => desk.spend(key, usd(dollars)),
    next: (endpoint, ...behaviors) => script.next(endpoint, ...behaviors),
    always: (endpoint, behavior) => script.always(endpoint, behavior),
    addKey: (key, dollars) => desk.addKey(key, dollars),
    revoke: (key) => desk.revoke(key),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What the service says to a call, and does about it as far as its behavior lets it: a word for each task asked for. */
function answer(desk: Desk, asked: Understood, behavior: Behavior): Words[] {
  const { error, pendingTimes } = behavior
  const { endpoint, key, order, ids = [] } = asked
  if (endpoint !== 'res' && error !== undefined) return [{ error }]
  if (!doesWork(behavior) && error === undefined) return [{ ok: '' }]
  const refused = desk.refusesKey(key)
  if (refused || key === undefined) return [{ error: error ?? refused ?? 'ERROR_WRONG_USER_KEY' }]
  switch (endpoint) {
    case 'in':
      return order ? submit(desk, key, asked, order, pendingTimes) : [{ error: 'ERROR_BAD_PARAMETERS' }]
    case 'balance':
      return [{ ok: String(desk.balance(key) / 1e6) }]
    case 'report':
      return ids.map((id) => desk.report(key, id, asked.good ? 'good' : 'bad'))
    case 'res':
      return ids.map((id) => desk.poll(key, id, pendingTimes, error))
  }
}

/** The task's id, and the answer where that is given at once. */
function submit(
  desk: Desk,
  key: string,
  { atOnce }: Understood,
  order: Order,
  pendingTimes: number | undefined,
): Words[] {
  const words = desk.submit(key, order, pendingTimes ?? 0)
  return atOnce && 'ok' in words ? [words, desk.poll(key, words.ok, undefined, undefined)] : [words]
}

function hear(wires: readonly Wire[], request: RawRequest): Understood | undefined {
  for (const wire of wires) {
    const understood = wire(request)
    if (understood) return understood
  }
  return undefined
}

async function readRequest(message: IncomingMessage): Promise<RawRequest | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) return undefined
    chunks.push(chunk)
  }
  const url = new URL(message.url ?? '/', 'http://stand-in')
  return {
    method: message.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: Buffer.concat(chunks).toString('utf8'),
  }
}
