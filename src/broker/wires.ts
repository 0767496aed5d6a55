import { createHash } from 'node:crypto'
import { isPromise, type MaybePromise, promised } from '../base/async.js'
import { SolveguardError } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import type { TaskHost, TokenPurpose } from '../guard/hosting.js'
import { callbackRequest } from '../wires/callback.js'
import { challengeOf } from '../wires/challenge.js'
import { SERVICES, type ServiceName, type ServiceWires } from '../wires/services.js'
import type { DecodedRequest, EncodedReply, SolvedTask, WireReply } from '../wires/wire.js'
import { type Authenticate, type Caller, MAX_CREDENTIAL_LENGTH } from './auth.js'
import type { Deliveries } from './deliveries.js'
import { denialReply, isBusy, refusal } from './denials.js'
import { serviceByMarks, serviceOfHost, type WireFamily, wireOf } from './dialects.js'
import { credentialIn, header, rawRequest } from './read-request.js'
import { type AcceptedTask, type BrokerTasks, type NewTask, type PollResult, tooSlow } from './tasks.js'
import { type BrokerRequest, type BrokerResponse, JSON_TYPE, textReply } from './types.js'

/** For how long a balance and the number of threads are used, in ms: clients ask for them before every task. */
const BUDGET_FRESH_MS = 1_000
/** For how long the threads of a caller that was refused for lack of capacity count as busy, in ms. */
const BUSY_FOR_MS = 10_000
/** The threads of a token whose budget has no limit of them. */
const THREADS = 100
const MAX_CACHED = 10_000

/** What the wires need. */
export interface WiresDeps {
  readonly host: TaskHost
  readonly tasks: BrokerTasks
  readonly authenticate: Authenticate
  /** Every request is answered within this time, in ms. */
  readonly answerWithinMs: number
  /** Calls clients back. @default no client is called back */
  readonly deliveries?: Deliveries | undefined
  /** Called with what each request asked for, and how it ended. */
  readonly onRequest: (endpoint: DecodedRequest['endpoint'], service: ServiceName, error: string | undefined) => void
}

interface CallerFigures {
  readonly balance: string
  readonly threads: number
  readonly used: number
  readonly until: number
}

/** The services' own interfaces: what clients of the services send, and get back. */
export class ServiceInterface {
  readonly #deps: WiresDeps
  readonly #figures = new Map<string, CallerFigures>()
  /** By caller: until when its threads count as busy. Monotonic ms. */
  readonly #busy = new Map<string, number>()

  constructor(deps: WiresDeps) {
    this.#deps = deps
  }

  /** @param prefix the service that the path named, of which `path` is the rest */
  handle(
    request: BrokerRequest,
    path: string,
    query: URLSearchParams,
    prefix: ServiceName | undefined,
  ): MaybePromise<BrokerResponse> {
    const family: WireFamily = path.endsWith('.php') ? 'form' : 'tasks'
    const named = serviceOfHost(request.host ?? header(request, 'host')) ?? prefix
    const fallback = named ?? this.#ownService()
    const raw = rawRequest(request, path, query)
    const first = wireOf(fallback, family)
    const decoded = first.wire(raw ?? { method: request.method, path, query: Object.fromEntries(query), body: '' })
    if (!decoded) return unknownMethod(request.method, path, first.service)
    if (!raw) {
      return this.#reply(decoded, first.service, [refusal('request', first.service, 'The body could not be read.')])
    }
    if (request.method !== 'GET' && request.method !== 'POST') {
      return this.#reply(decoded, first.service, [refusal('request', first.service, 'Send a GET or a POST.')])
    }
    const { clock } = this.#deps.host
    const until = clock.monotonic() + this.#deps.answerWithinMs
    const leftMs = (): number => Math.max(0, until - clock.monotonic())
    const inTime = <T>(work: Promise<T>) => withTimeout(work, { clock, ms: leftMs(), error: tooSlow })
    const credential = request.credential ?? (decoded.key || credentialIn(request))
    const marked = named ?? serviceByMarks(decoded, header(request, 'user-agent'))
    const refuseWith = (reply: (service: ServiceName) => WireReply): BrokerResponse => {
      const { service, wire } = wireOf(marked ?? fallback, family)
      return this.#reply(wire(raw) ?? decoded, service, [reply(service)])
    }
    if (!credential || credential.length > MAX_CREDENTIAL_LENGTH) {
      return refuseWith((service) => refusal('token', service, 'The request has no token where its key would be.'))
    }
    const refuse = (error: unknown) => refuseWith((service) => errorReply(error, service))
    const perform = (caller: Caller): MaybePromise<BrokerResponse> => {
      const answer = performAs(caller)
      return isPromise(answer) ? answer.then((ready) => withToken(ready, caller)) : withToken(answer, caller)
    }
    const performAs = (caller: Caller): MaybePromise<BrokerResponse> => {
      const { service, wire } = wireOf(named ?? caller.wire ?? marked ?? fallback, family)
      const own = service === first.service ? decoded : (wire(raw) ?? decoded)
      // A poll without a mark is answered in the dialect of its task.
      const isCertain = named !== undefined || caller.wire !== undefined || marked !== undefined
      const encode = (replies: readonly WireReply[], of: ServiceName | undefined): BrokerResponse => {
        if (isCertain || of === undefined || of === service) return this.#reply(own, service, replies)
        const other = wireOf(of, family)
        return this.#reply(other.wire(raw) ?? own, other.service, replies)
      }
      try {
        const stillGood = async (): Promise<unknown> => this.#deps.authenticate(credential, 'fetch')
        const done = this.#perform(caller, own, service, encode, { leftMs: leftMs(), stillGood })
        if (!isPromise(done)) return done
        // A submit ends in time by itself: it has to abort what it began.
        return (own.endpoint === 'in' ? done : inTime(done)).catch((error) => this.#fail(own, service, error))
      } catch (error) {
        return this.#fail(own, service, error)
      }
    }
    try {
      const caller = this.#deps.authenticate(credential, this.#purposeOf(decoded))
      return isPromise(caller) ? inTime(caller).then(perform, refuse) : perform(caller)
    } catch (error) {
      return refuse(error)
    }
  }

  #purposeOf({ endpoint, ids = [] }: DecodedRequest): TokenPurpose {
    const { tasks, host } = this.#deps
    switch (endpoint) {
      case 'in':
        return 'spend'
      case 'res':
        return ids.some((id) => tasks.hasUnfetched(parseId(id, host.name))) ? 'fetch' : 'poll'
      case 'report':
        return 'fetch'
      default:
        return 'read'
    }
  }

  #ownService(): ServiceName {
    const { service } = this.#deps.host
    return Object.hasOwn(SERVICES, service) ? (service as ServiceName) : 'twocaptcha'
  }

  #perform(
    caller: Caller,
    request: DecodedRequest,
    service: ServiceName,
    encode: (replies: readonly WireReply[], of: ServiceName | undefined) => BrokerResponse,
    submission: Submission,
  ): MaybePromise<BrokerResponse> {
    const { endpoint, ids = [] } = request
    switch (endpoint) {
      case 'in':
        return this.#submit(caller, request, service, submission)
      case 'res': {
        const poll = (id: string) => this.#deps.tasks.poll(caller, parseId(id, this.#deps.host.name))
        const replies = (results: readonly PollResult[]): BrokerResponse => {
          const [only] = results
          const of = results.length === 1 && only && 'service' in only ? only.service : undefined
          return encode(
            results.map((result) => pollReply(result, service)),
            of,
          )
        }
        const [id = ''] = ids
        if (ids.length > 1) return Promise.all(ids.map((each) => promised(() => poll(each)))).then(replies)
        const result = poll(id)
        return isPromise(result) ? result.then((later) => replies([later])) : replies([result])
      }
      case 'report':
        return encode(
          ids.map((id) => {
            const reported = this.#deps.tasks.report(caller, parseId(id, this.#deps.host.name), request.good ?? true)
            return REPORT_REPLIES[reported]
          }),
          undefined,
        )
      case 'balance':
        return this.#figuresOf(caller).then(({ balance }) => encode([{ value: balance }], undefined))
      case 'threads':
        return this.#figuresOf(caller).then(({ threads, used }) => {
          const isBusy = (this.#busy.get(caller.id) ?? 0) > this.#deps.host.clock.monotonic()
          const counts = { threads, working_threads: isBusy ? threads : Math.min(used, threads) }
          return encode([{ value: JSON.stringify(counts) }], undefined)
        })
    }
  }

  async #submit(
    caller: Caller,
    request: DecodedRequest,
    service: ServiceName,
    { leftMs: answerWithinMs, stillGood }: Submission,
  ): Promise<BrokerResponse> {
    const { task, fields } = request
    const refuse = (kind: Parameters<typeof refusal>[0], sentence: string): BrokerResponse =>
      this.#reply(request, service, [refusal(kind, service, sentence)])
    if (!task) return refuse('request', 'The request has no task.')
    const { pingback = '', callbackUrl = '' } = fields
    const callback = pingback || callbackUrl
    if (callback !== '') {
      const { deliveries } = this.#deps
      if (!deliveries) return refuse('request', NO_CALLBACKS)
      const sentence = deliveries.refusal(callback)
      if (sentence !== undefined) return refuse('request', sentence)
    }
    if (task.proxy !== undefined) {
      return refuse('proxy', 'Clients cannot choose a proxy: the operator sets policy.pageProxy at the broker.')
    }
    if (task.error !== undefined) {
      return this.#reply(request, service, [{ error: task.error, description: sentenceOf(task.error) }])
    }
    const pageUrl = pageOf(caller, fields, task.pageUrl)
    if (pageUrl === undefined) {
      return refuse('origin', 'The task names no page: send pageurl (websiteURL), which policy.origins has to name.')
    }
    const challenge = challengeOf(task, pageUrl)
    if (!challenge) return refuse('unsupported', 'The type or method of this task is not known.')
    try {
      const task: NewTask = { challenge, service, fields: answerFields(request.task?.fields ?? {}) }
      const accepted = await this.#deps.tasks.submit(caller, task, { answerWithinMs })
      const id = formatId(accepted.id, service, this.#deps.host.name)
      if (callback !== '') this.#callBack(accepted, id, service, { url: callback, stillGood })
      return this.#reply(request, service, [{ value: id }])
    } catch (error) {
      if (error instanceof SolveguardError && isBusy(error)) {
        if (this.#busy.size >= MAX_CACHED) this.#busy.clear()
        this.#busy.set(caller.id, this.#deps.host.clock.monotonic() + BUSY_FOR_MS)
      } else this.#busy.delete(caller.id)
      return this.#fail(request, service, error)
    }
  }

  /** Calls the client back when its task has ended, with what a poll would get. */
  #callBack(
    task: AcceptedTask,
    id: string,
    service: ServiceName,
    { url, stillGood }: Pick<Submission, 'stillGood'> & { readonly url: string },
  ): void {
    const deliver = (): void => {
      const result = task.result()
      // The guard has closed: another broker has the task, and its client polls.
      if (result.kind === 'working') return
      this.#deps.deliveries?.deliver(url, {
        request: () => {
          const reply = pollReply(result, service)
          const { wire } = wireOf(service, 'tasks')
          const poll = wire({ method: 'POST', path: '/getTaskResult', query: {}, body: '{}' })
          return callbackRequest(url, SERVICES[service].callback, id, reply, poll?.encode([reply]))
        },
        stillGood,
        isFetched: () => task.isFetched(),
        isForgotten: () => task.isForgotten(),
        delivered: () => {
          if (result.kind === 'solved') task.fetched()
        },
      })
    }
    task.ended.then(deliver, deliver)
  }

  async #figuresOf(caller: Caller): Promise<CallerFigures> {
    const { host } = this.#deps
    const now = host.clock.monotonic()
    const known = this.#figures.get(caller.id)
    if (known && known.until > now) return known
    const { day, slots } = await host.budget(caller.grant)
    const figures = {
      balance: String(day.left / 1e6),
      threads: slots.cap ?? THREADS,
      used: slots.used,
      until: now + BUDGET_FRESH_MS,
    }
    if (this.#figures.size >= MAX_CACHED) this.#figures.clear()
    this.#figures.set(caller.id, figures)
    return figures
  }

  #fail(request: DecodedRequest, service: ServiceName, error: unknown): BrokerResponse {
    return this.#reply(request, service, [errorReply(error, service)])
  }

  #reply(request: DecodedRequest, service: ServiceName, replies: readonly WireReply[]): BrokerResponse {
    const [reply] = replies
    const error = reply && 'error' in reply && reply.error !== NOT_READY ? reply.error : undefined
    const { endpoint } = request
    this.#deps.onRequest(endpoint, service, error)
    return { ...encoded(request.encode(replies)), facts: { endpoint, dialect: service, error } }
  }
}

/** How a submit is answered, and its answer handed over. */
interface Submission {
  /** Within this time, in ms. */
  readonly leftMs: number
  /** Rejects if the token of the submit gets no answers any more, as it would with a poll. */
  readonly stillGood: () => Promise<unknown>
}

const NOT_READY = 'CAPCHA_NOT_READY'
const NO_CALLBACKS = 'This broker calls no addresses of clients back: leave pingback and callbackUrl out.'

const REPORT_REPLIES = {
  reported: { value: 'OK_REPORT_RECORDED' },
  repeated: { error: 'ERROR_DUPLICATE_REPORT', description: 'This answer has been reported already.' },
  working: { error: NOT_READY },
  unknown: { error: 'ERROR_WRONG_CAPTCHA_ID', description: 'This token has no such task.' },
} as const satisfies Record<string, WireReply>

/** Clients of the services take a 404 for a fault of the network, and try again: they get an error of the service. */
function unknownMethod(method: string, path: string, service: ServiceName): BrokerResponse {
  const known = wireOf(service, 'tasks').wire({ method, path: '/createTask', query: {}, body: '' })
  if (!known || method !== 'POST' || !/^\/[a-z]{1,40}$/i.test(path)) {
    return textReply(404, 'There is nothing at this address.')
  }
  const description = 'This broker has no such method: it submits, polls, reports and tells the balance.'
  return encoded(known.encode([{ error: 'ERROR_NO_SUCH_METHOD', description }]))
}

function withToken(response: BrokerResponse, { id }: Caller): BrokerResponse {
  return { ...response, facts: { ...response.facts, tokenId: id } }
}

/** Always 200, and JSON or plain text: clients take everything else for a failure of the network. */
function encoded({ text }: EncodedReply): BrokerResponse {
  return textReply(200, text, text.startsWith('{') ? JSON_TYPE : 'text/plain; charset=utf-8')
}

function pollReply(result: PollResult, service: ServiceName): WireReply {
  switch (result.kind) {
    case 'working':
      return { error: NOT_READY }
    case 'unknown':
      return REPORT_REPLIES.unknown
    case 'failed':
      return denialReply(result.error, service)
    case 'solved': {
      const { solution, task } = result
      const { token, fields, cost } = solution
      const isSet = task.family === 'geetest'
      return {
        value: isSet ? JSON.stringify(fields ?? {}) : token,
        cost,
        task,
        ...(fields && !isSet && { extra: fields }),
      }
    }
  }
}

/** The fields of a task by which its answer is encoded. */
function answerFields({ type, cookieSolution }: SolvedTask['fields']): SolvedTask['fields'] {
  return {
    ...(type !== undefined && { type: type.slice(0, 64) }),
    ...(cookieSolution !== undefined && { cookieSolution: cookieSolution.slice(0, 8) }),
  }
}

/**
 * The page of a task. Most clients name none for a picture: it is then the only page that the token allows, if there is
 * only one.
 */
function pageOf({ grant }: Caller, fields: Readonly<Record<string, string>>, pageUrl: string): string | undefined {
  const named = pageUrl || fields.pageurl || fields.websiteURL
  if (named) return named
  const { origins = [] } = grant.policy
  const [only] = origins
  return origins.length === 1 && only !== undefined && !only.includes('*') ? `${only}/` : undefined
}

/** A task's id in a service's form: a number, or for CapSolver a UUID that begins with it. */
function formatId(id: number, service: ServiceName, guard: string): string {
  const { ids }: ServiceWires = SERVICES[service]
  if (ids !== 'uuids') return String(id)
  const head = id.toString(16).padStart(8, '0')
  const hash = createHash('sha256').update(`${guard}:${head}`).digest('hex')
  return `${head}-${hash.slice(0, 4)}-4${hash.slice(4, 7)}-a${hash.slice(7, 10)}-${hash.slice(10, 22)}`
}

/** The id that a client sent, in either form; 0, which no task has, for anything else. */
function parseId(text: string, guard: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  const id = /^[\da-f]{8}-/.test(text) ? Number.parseInt(text.slice(0, 8), 16) : 0
  return id > 0 && formatId(id, 'capsolver', guard) === text ? id : 0
}

/** Sentences for what a wire finds wrong with a task. */
const SENTENCES: Readonly<Record<string, string>> = {
  ERROR_PAGEURL: "The page's address is missing, or is none.",
  ERROR_RECAPTCHA_INVALID_DOMAIN: "The page's address (websiteURL) is missing, or is none.",
  ERROR_GOOGLEKEY: 'The sitekey (googlekey) is missing.',
  ERROR_SITEKEY: 'The sitekey is missing.',
  ERROR_RECAPTCHA_INVALID_SITEKEY: 'The sitekey (websiteKey) is missing.',
  ERROR_TASK_ABSENT: 'The request has no task.',
  ERROR_TASK_NOT_SUPPORTED: 'The type of this task is not known.',
  ERROR_PROXY_MISSING: 'Tasks of this type need a proxy, and clients cannot choose one: use the type without a proxy.',
  ERROR_UPLOAD: 'The picture is not valid base64.',
  ERROR_ZERO_CAPTCHA_FILESIZE: 'The picture has fewer than 100 bytes.',
  ERROR_TOO_BIG_CAPTCHA_FILESIZE: 'The picture has more than 1 MiB.',
}

function sentenceOf(error: string): string {
  return SENTENCES[error] ?? 'The request is not valid.'
}

/** An error that is none of this package's is not shown: its text may have anything. */
function errorReply(error: unknown, service: ServiceName): WireReply {
  if (error instanceof SolveguardError) return denialReply(error, service)
  return refusal('internal', service, 'The broker failed to answer; nothing is known of this request.')
}
