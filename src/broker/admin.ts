import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { SolveguardError } from '../base/errors.js'
import { VERSION } from '../base/version.js'
import type { Guard } from '../guard/types.js'
import type { Duration } from '../policy/duration.js'
import type { NarrowingInput } from '../policy/schema.js'
import { SERVICE_NAMES } from '../wires/services.js'
import { errorReply, parseBody } from './api.js'
import { MAX_CREDENTIAL_LENGTH } from './auth.js'
import { type DescribedRoute, openApiOf } from './openapi.js'
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
const issuedShape = z.object({ id: z.string(), expiresAt: z.string().describe('ISO 8601') })
const doneShape = z.object({ done: z.literal(true) })

/** The paths of the admin interface. */
export const ADMIN_PATHS = {
  tokens: '/v1/tokens',
  handle: '/v1/tokens/handle',
  revoke: '/v1/tokens/revoke',
  pause: '/v1/pause',
  resume: '/v1/resume',
  status: '/v1/status',
  openapi: '/openapi.json',
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

interface AdminRoute extends DescribedRoute {
  /** @returns undefined where there is nothing to say but that it is done */
  answer(request: BrokerRequest): Promise<unknown>
}

function routesOf(guard: AdminGuard): readonly AdminRoute[] {
  const routes: readonly AdminRoute[] = [
    {
      method: 'POST',
      path: ADMIN_PATHS.tokens,
      summary: 'Issues a token, and with `handle` a handle for it.',
      request: issueShape,
      response: issuedShape.extend({ token: z.string(), handle: z.string().optional() }),
      answer: async (request) => {
        const { policy = {}, ttl, ...options } = parseBody(request, issueShape)
        const { token, handle, id, expiresAt } = await guard.issueToken(policy as NarrowingInput, {
          ...options,
          ...(ttl !== undefined && { ttl: ttl as Duration }),
        })
        return { token, ...(handle !== undefined && { handle }), id, expiresAt }
      },
    },
    {
      method: 'POST',
      path: ADMIN_PATHS.handle,
      summary: 'Makes a handle for a token that there is.',
      request: handleShape,
      response: issuedShape.extend({ handle: z.string() }),
      answer: async (request) => {
        const { handle, id, expiresAt } = await guard.issueHandle(parseBody(request, handleShape).token)
        return { handle, id, expiresAt }
      },
    },
    {
      method: 'POST',
      path: ADMIN_PATHS.revoke,
      summary: 'Revokes a link of tokens, by its id, and with it every token below.',
      request: revokeShape,
      response: doneShape,
      answer: async (request) => guard.revokeToken(parseBody(request, revokeShape).id),
    },
    {
      method: 'POST',
      path: ADMIN_PATHS.pause,
      summary: 'Pauses the guard, or a subject or a token, in every process.',
      request: pauseShape,
      response: doneShape,
      answer: async (request) => {
        const { reason, ...of } = parseBody(request, pauseShape)
        await guard.pause(reason, of)
      },
    },
    {
      method: 'POST',
      path: ADMIN_PATHS.resume,
      summary: 'Ends a pause of the guard, of a subject or of a token.',
      request: resumeShape,
      response: doneShape,
      answer: async (request) => guard.resume(parseBody(request, resumeShape)),
    },
    {
      method: 'GET',
      path: ADMIN_PATHS.status,
      summary: 'The state of the guard; amounts in micro-dollars.',
      response: z.looseObject({}),
      answer: async () => guard.status(),
    },
    {
      method: 'GET',
      path: ADMIN_PATHS.openapi,
      summary: 'This description.',
      response: z.looseObject({}),
      answer: async () => openApiOf(TITLE, DESCRIPTION, VERSION, routes),
    },
  ]
  return routes
}

const TITLE = 'solveguard admin'
const DESCRIPTION = "The operator's interface of a broker, on its own listener. The token is the admin token."

/** The admin interface, for a listener of its own. Every request has the admin token as `Authorization: Bearer`. */
export function adminHandler(guard: AdminGuard, token: string): BrokerHandler {
  const wanted = digest(token)
  const routes = routesOf(guard)
  const byName = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]))
  return async (request): Promise<BrokerResponse> => {
    if (isFromBrowser(request)) return textReply(403, 'No requests that a browser makes for a page are answered here.')
    const given = credentialIn(request)
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      return jsonReply(401, { code: 'TOKEN_INVALID', message: 'Send the admin token as Authorization: Bearer.' })
    }
    const route = byName.get(`${request.method} ${addressOf(request)?.path}`)
    if (!route) return textReply(404, `There is nothing at this address; there is: ${[...byName.keys()].join(', ')}.`)
    try {
      return jsonReply(200, (await route.answer(request)) ?? { done: true })
    } catch (error) {
      return errorReply(error)
    }
  }
}

/** Digests have one length, so that a comparison of them takes one time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
