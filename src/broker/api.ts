import type { z } from 'zod'
import { isPromise, type MaybePromise } from '../base/async.js'
import type { AnyChallenge } from '../base/challenge.js'
import type { Clock } from '../base/clock.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import type { TaskHost, TokenPurpose } from '../guard/hosting.js'
import type { Solution } from '../guard/types.js'
import type { Duration } from '../policy/duration.js'
import type { NarrowingInput } from '../policy/schema.js'
import { describeToken } from '../tokens/describe.js'
import { narrowToken } from '../tokens/narrow.js'
import {
  BROKER_PATHS,
  ERROR_STATUSES,
  type endedShape,
  narrowRequestShape,
  reportRequestShape,
  solveRequestShape,
  type WireError,
  type WireSolution,
} from '../wires/broker.js'
import { type Authenticate, type Caller, MAX_CREDENTIAL_LENGTH } from './auth.js'
import { type DenialKind, kindOf } from './denials.js'
import type { Metrics } from './metrics.js'
import { openApi } from './openapi.js'
import { credentialIn } from './read-request.js'
import { type AcceptedTask, type BrokerTasks, tooSlow } from './tasks.js'
import { type BrokerRequest, type BrokerResponse, jsonReply, textReply } from './types.js'

/** How often a stream of events has a comment, so that no proxy takes it for dead, in ms. */
const KEEP_ALIVE_MS = 15_000

/** How long the ledger may take until it counts as away, in ms. */
const READY_WITHIN_MS = 3_000

/** What the broker's own interface needs. */
export interface OwnInterfaceDeps {
  readonly host: TaskHost
  readonly tasks: BrokerTasks
  readonly metrics: Metrics
  readonly authenticate: Authenticate
  readonly version: string
}

interface Route {
  /** What its token is verified for. */
  readonly purpose: TokenPurpose
  readonly answer: (request: BrokerRequest, caller: Caller) => MaybePromise<BrokerResponse>
}

/** The broker's own interface, beside those of the services. */
export class OwnInterface {
  readonly #deps: OwnInterfaceDeps
  readonly #openApi: string
  /** By method and path: what needs a token. */
  readonly #routes: ReadonlyMap<string, Route>

  constructor(deps: OwnInterfaceDeps) {
    this.#deps = deps
    this.#openApi = JSON.stringify(openApi(deps.version))
    this.#routes = new Map<string, Route>([
      [`POST ${BROKER_PATHS.solve}`, { purpose: 'spend', answer: (request, caller) => this.#solve(request, caller) }],
      [`POST ${BROKER_PATHS.report}`, { purpose: 'fetch', answer: (request, caller) => this.#report(request, caller) }],
      [`GET ${BROKER_PATHS.status}`, { purpose: 'read', answer: (_, caller) => this.#status(caller) }],
      [`POST ${BROKER_PATHS.end}`, { purpose: 'read', answer: (_, caller) => this.#end(caller) }],
      [`POST ${BROKER_PATHS.narrow}`, { purpose: 'read', answer: (request) => narrowed(request) }],
    ])
  }

  /** @returns undefined for a path that is not of this interface */
  handle(request: BrokerRequest, path: string): MaybePromise<BrokerResponse> | undefined {
    switch (path) {
      case BROKER_PATHS.health:
        return textReply(200, 'ok\n')
      case BROKER_PATHS.ready:
        return this.#ready()
      case BROKER_PATHS.metrics:
        return textReply(200, this.#deps.metrics.text(this.#deps.tasks), 'text/plain; version=0.0.4; charset=utf-8')
      case BROKER_PATHS.openapi:
        return textReply(200, this.#openApi, 'application/json; charset=utf-8')
    }
    if (!path.startsWith('/v1/')) return undefined
    const route = this.#routes.get(`${request.method} ${path}`)
    if (!route) return textReply(404, 'There is nothing at this address; /openapi.json has what there is.')
    return this.#withCaller(request, route)
  }

  /** Whether new tasks are taken: not while draining, and not without the ledger. */
  #ready(): MaybePromise<BrokerResponse> {
    const { tasks, host } = this.#deps
    if (tasks.draining || host.closed) return textReply(503, 'draining\n')
    const refuse = (error: unknown) => textReply(503, `the ledger does not answer: ${messageOf(error)}\n`)
    try {
      const facts = host.listFacts(`broker:${host.name}`)
      if (!isPromise(facts)) return textReply(200, 'ready\n')
      const inTime = withTimeout(facts, { clock: host.clock, ms: READY_WITHIN_MS, error: tooSlow })
      return inTime.then(() => textReply(200, 'ready\n'), refuse)
    } catch (error) {
      return refuse(error)
    }
  }

  async #withCaller(request: BrokerRequest, { purpose, answer }: Route): Promise<BrokerResponse> {
    try {
      const credential = credentialIn(request)
      if (credential === undefined || credential.length > MAX_CREDENTIAL_LENGTH) {
        return jsonReply(401, { code: 'TOKEN_INVALID', message: 'Send the token as Authorization: Bearer.' })
      }
      const caller = await this.#deps.authenticate(credential, purpose)
      return { ...(await answer(request, caller)), facts: { tokenId: caller.id } }
    } catch (error) {
      return errorReply(error)
    }
  }

  async #solve(request: BrokerRequest, caller: Caller): Promise<BrokerResponse> {
    const { challenge } = parseBody(request, solveRequestShape)
    const { budget, deadlineMs = 180_000 } = caller.grant.policy
    const limits = { acceptWaitMs: budget.waitMs ?? 0, answerWithinMs: deadlineMs }
    const service = 'twocaptcha'
    const task = await this.#deps.tasks.submit(
      caller,
      { challenge: withPictures(challenge), service, fields: {} },
      limits,
    )
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      // The token may have been revoked meanwhile: it is asked again, as with a poll.
      body: solveEvents(task, this.#deps.host.clock, () =>
        this.#deps.authenticate(credentialIn(request) ?? '', 'fetch'),
      ),
    }
  }

  #report(request: BrokerRequest, caller: Caller): BrokerResponse {
    const { id, good } = parseBody(request, reportRequestShape)
    const outcome = this.#deps.tasks.report(caller, id, good)
    return jsonReply(outcome === 'unknown' ? 404 : 200, { outcome })
  }

  /** A holder may give up its own token. What is above that needs the admin listener. */
  async #end({ grant }: Caller): Promise<BrokerResponse> {
    await this.#deps.host.revoke(grant)
    return jsonReply(200, { revoked: true } satisfies z.output<typeof endedShape>)
  }

  /** Nothing of the key: what a holder of a token may know. */
  async #status({ grant }: Caller): Promise<BrokerResponse> {
    const { name, day, minute, slots, paused, schedule, links } = await grant.status()
    return jsonReply(200, { name, day, minute, slots, paused, schedule, links })
  }
}

/** Narrows the token of the request, which its holder can do offline too: for clients that have no code for it. */
async function narrowed(request: BrokerRequest): Promise<BrokerResponse> {
  const { policy, subject, ttl, wire } = parseBody(request, narrowRequestShape)
  const token = await narrowToken(credentialIn(request) ?? '', policy as NarrowingInput, {
    ...(subject !== undefined && { subject }),
    ...(wire !== undefined && { wire }),
    ...(ttl !== undefined && { ttl: ttl as Duration }),
  })
  return jsonReply(200, { token, id: describeToken(token).links.at(-1)?.id })
}

async function* solveEvents(
  { id, ended, fetched }: AcceptedTask,
  clock: Clock,
  checkToken: () => MaybePromise<unknown>,
): AsyncGenerator<string> {
  yield event('accepted', { id })
  const outcome = ended.finally(checkToken).then(
    (solution) => ({ isSolved: true, text: event('solved', wireSolution(solution, id)) }),
    (error) => ({ isSolved: false, text: event('failed', wireError(error)) }),
  )
  for (;;) {
    const next = await Promise.race([outcome, keepAlive(clock)])
    if (next) {
      if (next.isSolved) fetched()
      return yield next.text
    }
    yield ': still working\n\n'
  }
}

function keepAlive(clock: Clock): Promise<undefined> {
  return new Promise((resolve) => void clock.after(KEEP_ALIVE_MS, () => resolve(undefined), false))
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

function wireSolution({ token, fields, cost, imputed, taskId, expiresAt }: Solution, id: number): WireSolution {
  return { token, ...(fields && { fields }), cost, imputed, taskId, expiresAt: expiresAt.toISOString(), id }
}

function wireError(thrown: unknown): WireError {
  const error = thrown instanceof SolveguardError ? thrown : new SolveguardError('SOLVER_ERROR', messageOf(thrown))
  const { code, layer, message, retryAt, details } = error
  return {
    code,
    ...(layer && { layer }),
    message,
    ...(retryAt && { retryAt: retryAt.toISOString() }),
    ...(details && { details }),
  }
}

/** The HTTP status of each kind of error. */
const STATUSES: Readonly<Record<DenialKind, number>> = {
  origin: ERROR_STATUSES.denied,
  budget: ERROR_STATUSES.later,
  slots: ERROR_STATUSES.later,
  paused: ERROR_STATUSES.denied,
  token: ERROR_STATUSES.token,
  request: ERROR_STATUSES.request,
  unsupported: ERROR_STATUSES.request,
  proxy: ERROR_STATUSES.request,
  unsolvable: ERROR_STATUSES.denied,
  internal: ERROR_STATUSES.unavailable,
}

/** An error as JSON, with the status of its kind. */
export function errorReply(thrown: unknown): BrokerResponse {
  const error = thrown instanceof SolveguardError ? thrown : new SolveguardError('SOLVER_ERROR', messageOf(thrown))
  // Here an option that is wrong came with the request.
  const status = error.code === 'CONFIG_INVALID' ? ERROR_STATUSES.request : STATUSES[kindOf(error)]
  return { ...jsonReply(status, wireError(error)), facts: { error: error.code } }
}

/**
 * The body of a request, as a shape has it.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
export function parseBody<T extends z.ZodType>({ body }: BrokerRequest, shape: T): z.output<T> {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new SolveguardError('CHALLENGE_INVALID', 'The body is not JSON.')
  }
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new SolveguardError('CHALLENGE_INVALID', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
}

/** The guard checks every field. */
function withPictures(sent: z.output<typeof solveRequestShape>['challenge']): AnyChallenge {
  const bytes = (base64: string) => Buffer.from(base64, 'base64')
  const { image, images, ...challenge } = sent
  const unchecked: object = {
    ...challenge,
    ...(image !== undefined && { image: bytes(image) }),
    ...(images && { images: images.map(bytes) }),
  }
  return unchecked as AnyChallenge
}
