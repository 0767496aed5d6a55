import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBounded } from '../../base/bounded-bytes.js'
import { type Clock, systemClock } from '../../base/clock.js'
import { type Money, usd } from '../../policy/money.js'
import { Secret } from '../../secrets/secret.js'
import { formWire } from '../../wires/form.js'
import { SERVICES, type ServiceName, type ServiceWires } from '../../wires/services.js'
import { taskWire } from '../../wires/task.js'
import type { DecodedRequest, RawRequest, ServiceEndpoint, TaskRequest, Wire, WireReply } from '../../wires/wire.js'
import { serve } from '../shared/http.js'
import { type Behavior, processesRequest, respond, ScriptedReplies } from './behavior.js'
import { type ServiceCallback, ServiceCaller } from './callbacks.js'
import { defaultAnswer } from './default-answer.js'
import { type ServiceAnswer, type ServiceTask, TaskStore } from './task-store.js'

export type { ServiceName } from '../../wires/services.js'
export type { ServiceEndpoint, TaskRequest } from '../../wires/wire.js'
export type { Behavior } from './behavior.js'
export type { CallbackBehavior, ServiceCallback } from './callbacks.js'
export type { ServiceAnswer, ServiceTask } from './task-store.js'

/** Options of the stand-in solver service: keys, price, speed and answers. */
export interface ServiceOptions {
  /**
   * The service to imitate: its wires, its kind of task id, its replies.
   *
   * @default 'twocaptcha' // it speaks both the form family's and the task family's wire
   */
  readonly as?: ServiceName | undefined
  /**
   * The keys that the service knows, and the dollars on each.
   *
   * @default one random key with 1,000 dollars: `service.key`
   */
  readonly keys?: Readonly<Record<string, number>> | undefined
  /**
   * How many tasks may be open at a time.
   *
   * @default Infinity
   */
  readonly threads?: number | undefined
  /**
   * The error code when all threads are busy. CaptchaAI's documentation names `ERROR_ZERO_BALANCE` in some places.
   *
   * @default 'ERROR_NO_SLOT_AVAILABLE'
   */
  readonly fullError?: 'ERROR_NO_SLOT_AVAILABLE' | 'ERROR_ZERO_BALANCE' | undefined
  /**
   * How long a task takes, ms.
   *
   * @default 0
   */
  readonly solveMs?: number | ((task: TaskRequest) => number) | undefined
  /**
   * Dollars charged for a solved task.
   *
   * @default 0.001 // what `captchaAI()` imputes
   */
  readonly price?: number | undefined
  /**
   * The answer to a task: a token, or several values by name, as GeeTest's are. If the function throws, the task fails
   * with `ERROR_CAPTCHA_UNSOLVABLE`.
   *
   * @default the digits in the stand-in site's pictures; for all else random values in the vendor's format
   */
  readonly answer?: ((task: ServiceTask) => ServiceAnswer) | undefined
  /**
   * Called when a client gets an answer for the first time. Pass the token on to a vendor's stand-in (`issue`), so that
   * its verify endpoint accepts it.
   *
   * @default none
   */
  readonly onAnswer?: ((task: ServiceTask, token: string) => void) | undefined
  /**
   * The clock that `solveMs` and delays are measured by.
   *
   * @default the machine's clock
   */
  readonly clock?: Clock | undefined
  /**
   * The port on 127.0.0.1.
   *
   * @default any free port
   */
  readonly port?: number | undefined
}

/** One request that the service received. */
export interface ServiceRequest {
  /** Wall time, ms since 1970. */
  readonly at: number
  /** The HTTP method. */
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Absent for a path that the service does not have. */
  readonly endpoint: ServiceEndpoint | undefined
  /** The fields of body and URL. The key is replaced by its fingerprint. */
  readonly fields: Readonly<Record<string, string>>
  /** Whether the service knows the key. */
  readonly keyOk: boolean
  /** Whether the key was in the URL's query. */
  readonly keyInUrl: boolean
}

/** A stand-in for a solver service, on loopback. */
export interface SolverService extends AsyncDisposable {
  /** For a solver's `baseUrl`. */
  readonly url: string
  /** A key that the service knows: the first one. */
  readonly key: string
  /** The requests, oldest first; the last 10,000. */
  readonly requests: readonly ServiceRequest[]
  /** The tasks, oldest first; the last 200,000. */
  readonly tasks: readonly ServiceTask[]
  /** The calls that it made to the addresses of clients, oldest first; the last 10,000. */
  readonly callbacks: readonly ServiceCallback[]
  /** How many requests had a key in their URL. */
  readonly keysInUrls: number
  /** What it has charged to all keys, micro-dollars. */
  readonly charged: Money
  /** How many tasks are not solved yet. */
  readonly working: number
  /** What is left on a key, micro-dollars. Default: the first key. */
  balance(key?: string): Money
  /** Charges a key as another client with that key would: a thief, say. Default: the first key. */
  spendElsewhere(dollars: number, key?: string): void
  /** Sets the behavior of the next calls of this endpoint: one for each call, in order. */
  next(endpoint: ServiceEndpoint, ...behaviors: Behavior[]): void
  /** Sets the behavior of all calls of this endpoint that `next` does not cover. `undefined` ends it. */
  always(endpoint: ServiceEndpoint, behavior: Behavior | undefined): void
  /** Adds a key with this deposit, in dollars. */
  addKey(key: string, dollars: number): void
  /** Removes the key: from now on the service replies `ERROR_KEY_DOES_NOT_EXIST` to it. */
  revoke(key: string): void
  /** Closes all connections and frees the port. */
  close(): Promise<void>
}

const MAX_REQUESTS = 10_000
const MAX_BODY_BYTES = 4 * 1024 * 1024
const CALLBACK_TIMEOUT_MS = 10_000
/** https://docs.capmonster.cloud/docs/api/methods/create-task */
const CAPMONSTER_DROPS_AFTER_MS = 2_000

/**
 * Starts a stand-in solver service on loopback. It speaks the form family's wire (`in.php` and `res.php`, plain text
 * and JSON) and the task family's (JSON to `createTask`, `getTaskResult`, …), charges, records every request, and fails
 * on demand. Nothing leaves this machine.
 *
 * @throws SolveguardError `CONFIG_INVALID` for a price that `usd` does not take
 * @example
 * const service = await startSolverService({ keys: { 'a-key-for-tests': 5 }, solveMs: 200 })
 * service.next('in', { error: 'ERROR_NO_SLOT_AVAILABLE' }, { drop: true })
 * const guard = await createGuard({ solver: captchaAI({ baseUrl: service.url }), … })
 */
export async function startSolverService(options: ServiceOptions = {}): Promise<SolverService> {
  const { clock = systemClock, keys = { [randomBytes(16).toString('hex')]: 1000 } } = options
  const { form, tasks, ids = 'numbers', callback }: ServiceWires = SERVICES[options.as ?? 'twocaptcha']
  const wires: readonly Wire[] = [...(form ? [formWire(form)] : []), ...(tasks ? [taskWire(tasks)] : [])]
  const store = new TaskStore({
    ids,
    clock,
    keys,
    threads: options.threads ?? Number.POSITIVE_INFINITY,
    fullError: options.fullError ?? 'ERROR_NO_SLOT_AVAILABLE',
    solveMs: options.solveMs ?? 0,
    price: usd(options.price ?? 0.001),
    answer: options.answer ?? defaultAnswer,
    onAnswer: options.onAnswer,
  })
  const caller = new ServiceCaller({
    clock,
    format: callback,
    dropAfterMs: options.as === 'capmonster' ? CAPMONSTER_DROPS_AFTER_MS : CALLBACK_TIMEOUT_MS,
    resultOf: (taskId) => {
      const reply = store.result(taskId)
      return { reply, polled: pollEncoding(wires)?.encode([reply]) }
    },
  })
  const scripted = new ScriptedReplies()
  const requests: ServiceRequest[] = []
  let keysInUrls = 0

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await readRequest(message)
    if (!raw) return void response.destroy()
    const request = decode(wires, raw)
    const { key, keyInUrl = false, endpoint, fields = {} } = request ?? {}
    if (keyInUrl) keysInUrls++
    requests.push({
      at: clock.now(),
      method: raw.method,
      path: raw.path,
      endpoint,
      fields: key === undefined ? fields : { ...fields, key: new Secret(key).fingerprint },
      keyOk: key !== undefined && store.isKey(key),
      keyInUrl,
    })
    if (requests.length > MAX_REQUESTS) requests.splice(0, requests.length - MAX_REQUESTS)
    if (!request) return respond(response, { status: 404 }, { text: '', type: 'text/plain' })

    const behavior = scripted.take(request.endpoint)
    const replies = perform(store, request, behavior)
    const [created] = replies
    const normal = request.encode(replies)
    const callbackUrl = fields.pingback ?? fields.callbackUrl
    if (request.endpoint === 'in' && callbackUrl && created && 'value' in created && created.value !== '') {
      const { value: id } = created
      await caller.schedule({ id, url: callbackUrl, readyAt: store.readyAt(id) }, behavior.callback)
    }
    if (behavior.delayMs !== undefined)
      await new Promise<void>((resolve) => void clock.after(behavior.delayMs ?? 0, resolve))
    if (!response.destroyed) respond(response, behavior, normal)
  }

  const server = await serve(handle, options.port)
  const [firstKey = ''] = Object.keys(keys)
  const close = async (): Promise<void> => {
    caller.close()
    await server.close()
  }
  return {
    url: `http://127.0.0.1:${server.port}`,
    key: firstKey,
    requests,
    get tasks() {
      return store.tasks
    },
    callbacks: caller.calls,
    get keysInUrls() {
      return keysInUrls
    },
    get charged() {
      return store.charged
    },
    get working() {
      return store.working
    },
    balance: (key = firstKey) => store.balance(key),
    spendElsewhere: (dollars, key = firstKey) => store.spend(key, usd(dollars)),
    next: (endpoint, ...behaviors) => scripted.next(endpoint, ...behaviors),
    always: (endpoint, behavior) => scripted.always(endpoint, behavior),
    addKey: (key, dollars) => store.addKey(key, dollars),
    revoke: (key) => store.revoke(key),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Does what the request asks for, as far as the behavior allows it. Returns a reply for each task id, or one. */
function perform(store: TaskStore, request: DecodedRequest, behavior: Behavior): WireReply[] {
  const { error, pendingTimes } = behavior
  const { endpoint, key, task, ids = [] } = request
  if (endpoint !== 'res' && error !== undefined) return [{ error }]
  if (!processesRequest(behavior) && error === undefined) return [{ value: '' }]
  const keyError = store.keyError(key)
  if (keyError || key === undefined) return [{ error: error ?? keyError ?? 'ERROR_WRONG_USER_KEY' }]
  switch (endpoint) {
    case 'in': {
      if (!task) return [{ error: 'ERROR_BAD_PARAMETERS' }]
      const created = store.submit(key, task, pendingTimes ?? 0)
      const reply = behavior.repeatId && 'value' in created ? { value: store.firstId } : created
      const solved = request.immediate && 'value' in reply
      return solved ? [reply, store.poll(key, reply.value, undefined, undefined)] : [reply]
    }
    case 'balance':
      return [{ value: String(store.balance(key) / 1e6) }]
    case 'threads':
      return [{ value: JSON.stringify({ threads: store.threads, working_threads: store.working }) }]
    case 'report':
      return ids.map((id) => store.report(key, id, request.good ? 'good' : 'bad'))
    case 'res':
      return ids.map((id) => store.poll(key, id, pendingTimes, error))
  }
}

/** How a poll for one task is answered in JSON. */
function pollEncoding(wires: readonly Wire[]): DecodedRequest | undefined {
  return decode(wires, { method: 'POST', path: '/getTaskResult', query: {}, body: '{}' })
}

function decode(wires: readonly Wire[], raw: RawRequest): DecodedRequest | undefined {
  for (const wire of wires) {
    const request = wire(raw)
    if (request) return request
  }
  return undefined
}

async function readRequest(message: IncomingMessage): Promise<RawRequest | undefined> {
  const body = await readBounded(message, MAX_BODY_BYTES)
  if (body === undefined) return undefined
  const url = new URL(message.url ?? '/', 'http://stand-in')
  return {
    method: message.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body,
  }
}
