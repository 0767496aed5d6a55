import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { SolveguardError } from '../base/errors.js'
import type { Guard } from '../guard/types.js'
import type { Duration } from '../policy/duration.js'
import type { NarrowingInput } from '../policy/schema.js'
import { SERVICE_NAMES } from '../wires/services.js'
import { errorReply, parseBody } from './api.js'
import { MAX_CREDENTIAL_LENGTH } from './auth.js'
import { addressOf, credentialIn, isFromBrowser } from './read-request.js'
import { type BrokerHandler, type BrokerRequest, type BrokerResponse, jsonReply, textReply } from './types.js'

/** What an operator does from outside the process. Everything else of a guard is in its own process. */
export type AdminGuard = Pick<Guard, 'issueToken' | 'issueHandle' | 'revokeToken' | 'pause' | 'resume' | 'status'>

const target = { subject: z.string().max(100).optional(), token: z.string().max(64).optional() }
const issueShape = z.strictObject({
  policy: z.record(z.string(), z.unknown()).optional(),
  ttl: z.union([z.string(), z.number()]).optional(),
  subject: z.string().max(100).optional(),
  wire: z.enum(SERVICE_NAMES).optional(),
  handle: z.boolean().optional(),
})
const handleShape = z.strictObject({ token: z.string().max(MAX_CREDENTIAL_LENGTH) })
const revokeShape = z.strictObject({ id: z.string().max(64) })
const pauseShape = z.strictObject({ reason: z.string().max(500).optional(), ...target })
const resumeShape = z.strictObject(target)

/** The paths of the admin interface. */
export const ADMIN_PATHS = {
  tokens: '/v1/tokens',
  handle: '/v1/tokens/handle',
  revoke: '/v1/tokens/revoke',
  pause: '/v1/pause',
  resume: '/v1/resume',
  status: '/v1/status',
} as const

const MIN_LENGTH = 32
/** Random texts of 32 characters have more different ones than this, in base 16 too. */
const MIN_DIFFERENT = 10

/**
 * Checks the token of the admin listener: a client that guesses it may issue tokens.
 * @throws SolveguardError `BROKER_UNSAFE`
 */
export function checkAdminToken(token: unknown): string {
  const isLong = typeof token === 'string' && token.length >= MIN_LENGTH && token.length <= 512
  if (isLong && /^[\x21-\x7e]+$/.test(token) && new Set(token).size >= MIN_DIFFERENT && !isRepeated(token)) return token
  throw new SolveguardError(
    'BROKER_UNSAFE',
    'admin.token can be guessed: use at least 32 random characters, such as the output of `openssl rand -hex 32`.',
  )
}

/** Whether a text is one part again and again, or a run of neighbors such as `abcdef` or `123456`. */
function isRepeated(text: string): boolean {
  if (`${text}${text}`.indexOf(text, 1) < text.length) return true
  let runs = 0
  for (let i = 1; i < text.length; i++) if (text.charCodeAt(i) - text.charCodeAt(i - 1) === 1) runs++
  return runs > text.length / 2
}

/** The admin interface, for a listener of its own. Every request has the admin token as `Authorization: Bearer`. */
export function adminHandler(guard: AdminGuard, token: string): BrokerHandler {
  const wanted = digest(token)
  const routes: Readonly<Record<string, (request: BrokerRequest) => Promise<unknown>>> = {
    [`POST ${ADMIN_PATHS.tokens}`]: async (request) => {
      const { policy = {}, ttl, ...options } = parseBody(request, issueShape)
      const issued = await guard.issueToken(policy as NarrowingInput, {
        ...options,
        ...(ttl !== undefined && { ttl: ttl as Duration }),
      })
      const { id, handle, expiresAt } = issued
      return { token: issued.token, ...(handle !== undefined && { handle }), id, expiresAt }
    },
    [`POST ${ADMIN_PATHS.handle}`]: async (request) => {
      const { handle, id, expiresAt } = await guard.issueHandle(parseBody(request, handleShape).token)
      return { handle, id, expiresAt }
    },
    [`POST ${ADMIN_PATHS.revoke}`]: async (request) => guard.revokeToken(parseBody(request, revokeShape).id),
    [`POST ${ADMIN_PATHS.pause}`]: async (request) => {
      const { reason, ...of } = parseBody(request, pauseShape)
      await guard.pause(reason, of)
    },
    [`POST ${ADMIN_PATHS.resume}`]: async (request) => guard.resume(parseBody(request, resumeShape)),
    [`GET ${ADMIN_PATHS.status}`]: async () => guard.status(),
  }
  return async (request): Promise<BrokerResponse> => {
    if (isFromBrowser(request)) return textReply(403, 'No requests that a browser makes for a page are answered here.')
    const given = credentialIn(request)
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      return jsonReply(401, { code: 'TOKEN_INVALID', message: 'Send the admin token as Authorization: Bearer.' })
    }
    const name = `${request.method} ${addressOf(request)?.path}`
    const route = Object.hasOwn(routes, name) ? routes[name] : undefined
    if (!route) return textReply(404, `There is nothing at this address; there is: ${Object.keys(routes).join(', ')}.`)
    try {
      return jsonReply(200, (await route(request)) ?? { done: true })
    } catch (error) {
      return errorReply(error)
    }
  }
}

/** Digests have one length, so that a comparison of them takes one time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
