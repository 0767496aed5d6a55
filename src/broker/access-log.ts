import { isIP } from 'node:net'
import { messageOf } from '../base/errors.js'
import type { Logger } from '../guard/observability/log.js'
import { BROKER_PATHS } from '../wires/broker.js'
import { TASK_PATHS } from '../wires/task.js'
import { ADMIN_PATHS } from './admin.js'
import { servicePrefix } from './dialects.js'
import { withoutSlashes } from './read-request.js'
import type { RequestFacts } from './types.js'

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string
  /** The path with its query. */
  readonly url: string
  /** The address of the client, or what a trusted proxy says that it is. */
  readonly remote: string
  readonly status: number
  readonly durationMs: number
  readonly facts: RequestFacts | undefined
}

/** A CONNECT that was answered. */
export interface AnsweredConnect {
  /** The host, where it is one that the broker or its operator names, or one to which a tunnel leads. */
  readonly host: string | undefined
  readonly status: number
  /** Identifies the token of a tunnel to another host. */
  readonly tokenId?: string | undefined
}

/** What is logged in place of anything that a client may have chosen. */
const OTHER = '(other)'
const PATHS = new Set([
  ...Object.values(BROKER_PATHS),
  ...Object.values(ADMIN_PATHS),
  ...TASK_PATHS.keys(),
  '/in.php',
  '/res.php',
])

/**
 * Writes a line for a request. Clients send their keys in queries, in headers, in bodies and, by mistake, in paths. So
 * the line has nothing of what a client sent, except what is one of few known texts.
 */
export function writeAccessLine(logger: Logger, request: AnsweredRequest): void {
  const { method, status, durationMs, facts } = request
  const fields = {
    event: 'request',
    method,
    path: loggedPath(request.url),
    remote: isIP(request.remote) ? request.remote : OTHER,
    status,
    durationMs: Math.round(durationMs),
    ...facts,
  }
  write(logger, fields)
}

/** Writes a line for a CONNECT, when it is answered. Any text can stand where its host does, a token too. */
export function writeConnectLine(
  logger: Logger,
  connect: AnsweredConnect & { readonly remote: string; readonly durationMs: number },
): void {
  const { host = OTHER, status, tokenId, remote, durationMs } = connect
  write(logger, {
    event: 'connect',
    method: 'CONNECT',
    host,
    remote: isIP(remote) ? remote : OTHER,
    status,
    durationMs: Math.round(durationMs),
    ...(tokenId !== undefined && { tokenId }),
  })
}

/** A name that a client has chosen, to which a tunnel leads: a token may be among its labels. */
export function hostWithoutKeys(host: string): string {
  return isIP(host) ? host : host.replace(LONG_LABEL, '(masked)')
}

/** As long as half a handle or key: most names of hosts have shorter parts. */
const LONG_LABEL = /[\w-]{16,}/g

function write(logger: Logger, fields: Record<string, unknown>): void {
  try {
    logger.info(fields, 'answered')
  } catch (error) {
    process.emitWarning(`The logger threw: ${messageOf(error)}`, { type: 'SolveguardLogger' })
  }
}

function loggedPath(url: string): string {
  const whole = withoutSlashes(url.replace(/[?#].*$/s, ''))
  return PATHS.has(servicePrefix(whole).path) ? whole : OTHER
}
