import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { isPromise } from '../base/async.js'
import { BoundedBytes } from '../base/bounded-bytes.js'
import { SolveguardError } from '../base/errors.js'
import { type CallbackReceiver, discardBody } from '../guard/hosting.js'
import type { Logger } from '../guard/observability/log.js'
import { BROKER_PATHS } from '../wires/broker.js'
import { writeAccessLine } from './access-log.js'
import { replyToBadBody } from './handler.js'
import { type BrokerHandler, type BrokerRequest, type BrokerResponse, type RequestFacts, textReply } from './types.js'

/** The largest body, in bytes: nine pictures in base64 fit. */
const MAX_BODY_BYTES = 2 * 1024 * 1024
/** How long a client may take for its headers, for its whole request, and between two requests, in ms. */
const HEADERS_MS = 10_000
const REQUEST_MS = 20_000
const IDLE_MS = 75_000
/**
 * A connection on which nothing at all happens for this long is closed, in ms. Not while a solve waits for its turn, as
 * `policy.budget.wait` allows.
 */
const SILENT_MS = 120_000
/** The most connections at a time. */
const MAX_CONNECTIONS = 20_000

/** What is used of the package `fastify`. */
export type FastifyModule = Pick<typeof import('fastify'), 'fastify'>

/** What a listener is made of. */
export interface ListenerOptions extends FastifyModule {
  readonly handler: BrokerHandler
  readonly logger?: Logger | undefined
  /** Addresses and networks of proxies whose `x-forwarded-for` counts. */
  readonly trustedProxies?: readonly string[] | undefined
  /**
   * What is known of a request by its connection, beside its headers: the host that a proxy's client meant, its token.
   * @default nothing
   */
  readonly context?: ((request: { readonly socket: object }) => Pick<BrokerRequest, 'host' | 'credential'>) | undefined
  /** What is answered at once, before its body has arrived. @default nothing */
  readonly callbacks?: CallbackReceiver | undefined
  /** How fastify makes its server, where it is not plain HTTP. */
  readonly server?: Pick<FastifyServerOptions, 'serverFactory'> | undefined
}

/** An HTTP server around a handler. It does not listen yet. */
export function createListener(options: ListenerOptions): FastifyInstance {
  const { fastify, handler, logger, context } = options
  const app = fastify({
    ...options.server,
    // Its own log has addresses with their queries, in which some clients send their keys.
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionTimeout: SILENT_MS,
    trustProxy: options.trustedProxies ? [...options.trustedProxies] : false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    frameworkErrors: (_, request, reply) => {
      const { status, headers, body } = replyToBadBody(request.raw.url ?? '/', 400)
      reply.raw.writeHead(status, { ...headers }).end(body)
    },
  })
  app.server.headersTimeout = HEADERS_MS
  app.server.maxConnections = MAX_CONNECTIONS
  app.removeAllContentTypeParsers()
  // fastify's own would keep each chunk by itself: a client that sends single bytes would fill the memory.
  app.addContentTypeParser('*', (_: unknown, payload: IncomingMessage) => readBody(payload))
  const { callbacks } = options
  if (callbacks) {
    app.addHook('onRequest', (request, reply, done) => {
      const { method = '', url = '' } = request.raw
      if (!callbacks.isFor(url)) return done()
      send(reply, callbacks.receive(method, url))
      discardBody(request.raw)
    })
  }
  app.setErrorHandler((error, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500
    return send(reply, replyToBadBody(request.raw.url ?? '/', status))
  })
  // Fastify's own reply would repeat the address, with its query.
  app.setNotFoundHandler((_, reply) => send(reply, textReply(405, 'This method is not known here.')))
  const facts = new WeakMap<object, RequestFacts>()
  app.all('/*', (request, reply) => {
    const { raw, body } = request
    if (raw.url === BROKER_PATHS.solve) raw.socket.setTimeout(0)
    const response = handler({
      method: raw.method ?? 'GET',
      url: raw.url ?? '/',
      headers: raw.headers,
      body: Buffer.isBuffer(body) ? body : NO_BODY,
      ...context?.(raw),
    })
    const answer = (ready: BrokerResponse): unknown => {
      if (logger && ready.facts) facts.set(raw, ready.facts)
      return send(reply, ready)
    }
    return isPromise(response) ? response.then(answer) : answer(response)
  })
  if (logger) {
    app.addHook('onResponse', (request, reply, done) => {
      writeAccessLine(logger, {
        method: request.method,
        url: request.raw.url ?? '',
        remote: request.ip,
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
        facts: facts.get(request.raw),
      })
      done()
    })
  }
  return app
}

const NO_BODY = Buffer.alloc(0)

/** Reads a body. The rest of one that is too long is thrown away, so that it can be answered. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  const body = new BoundedBytes(MAX_BODY_BYTES)
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      if (body.add(chunk)) return
      request.off('data', onData)
      discardBody(request)
      reject(new BodyError(413))
    }
    // Every request closes: an error, with its stack, is made for those alone whose body is cut off.
    const onEarlyEnd = (): void => reject(new BodyError(400))
    request
      .on('data', onData)
      .once('end', () => {
        request.off('close', onEarlyEnd)
        resolve(body.bytes())
      })
      .once('error', onEarlyEnd)
      .once('close', onEarlyEnd)
  })
}

/** A body that cannot be read, with the status that says so. */
class BodyError extends Error {
  readonly statusCode: number

  constructor(statusCode: number) {
    super('The body of a request cannot be read.')
    this.statusCode = statusCode
  }
}

interface ReplyPort {
  code(status: number): ReplyPort
  headers(headers: Record<string, string>): ReplyPort
  send(payload: string | Readable): unknown
}

function send(reply: ReplyPort, { status, headers, body }: BrokerResponse): unknown {
  return reply
    .code(status)
    .headers({ ...headers })
    .send(typeof body === 'string' ? body : Readable.from(body, { objectMode: false }))
}

/** @throws SolveguardError `CONFIG_INVALID` where it is not installed */
export async function loadFastify(): Promise<FastifyModule> {
  try {
    return await import('fastify')
  } catch (cause) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'The broker needs the package `fastify`, which could not be loaded: install it (npm install fastify).',
      { cause },
    )
  }
}
