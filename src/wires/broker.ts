import { z } from 'zod'
import { MAX_TIME_MS } from '../base/clock.js'
import type { Money } from '../policy/money.js'
import { isTimeZone } from '../policy/schedule.js'
import { SERVICE_NAMES } from './services.js'

/*
 * The broker's own interface: what it takes and gives, besides the services' wires. A guard without a key of its own
 * (`createGuard({ broker, token })`) speaks it. Every request has the token as `Authorization: Bearer`.
 */

/** The paths of the broker's own interface. */
export const BROKER_PATHS = {
  solve: '/v1/solve',
  status: '/v1/status',
  report: '/v1/report',
  narrow: '/v1/tokens/narrow',
  end: '/v1/tokens/end',
  openapi: '/openapi.json',
  health: '/healthz',
  ready: '/readyz',
  metrics: '/metrics',
} as const

const text = (max: number) => z.string().max(max)
/** A picture in base64. */
const base64 = text(1_500_000).regex(/^[A-Za-z0-9+/]*={0,2}$/)

/** A challenge as JSON: pictures are in base64. The guard checks it as it checks every challenge. */
const challengeShape = z.looseObject({
  family: text(32),
  variant: text(64),
  pageUrl: text(2_048),
  image: base64.optional(),
  images: z.array(base64).max(9).optional(),
})

/** The body of a solve. */
export const solveRequestShape = z.object({ challenge: challengeShape })

/** An error, as `SolveguardError.toJSON` writes it. */
export const errorShape = z.object({
  code: text(64),
  layer: text(16).optional(),
  message: text(2_000),
  /** When to try again: ISO 8601. */
  retryAt: text(40).optional(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

/** A solution. */
export const solutionShape = z.object({
  token: text(65_536),
  fields: z.record(z.string(), z.string()).optional(),
  /** Micro-dollars. */
  cost: z.number().int(),
  imputed: z.boolean(),
  /** The service's id of the task; empty where no service was asked. */
  taskId: text(64),
  /** ISO 8601. */
  expiresAt: text(40),
  /** The broker's id of the solve, for `reportGood` and `reportBad`. */
  id: z.number().int().optional(),
})

/** The body of a report: whether the site accepted the answer. */
export const reportRequestShape = z.object({ id: z.number().int().min(1), good: z.boolean() })

/** The body of a narrowing: what the narrower token allows at most. */
export const narrowRequestShape = z.object({
  policy: z.record(z.string(), z.unknown()),
  subject: text(100).optional(),
  wire: z.enum(SERVICE_NAMES).optional(),
  ttl: z.union([z.string(), z.number()]).optional(),
})

/** The reply to a token that was ended. */
export const endedShape = z.object({ revoked: z.literal(true) })

/** The HTTP status of an error, by its code: 401 for a token, 429 for what ends by itself, and so on. */
export const ERROR_STATUSES = { token: 401, denied: 403, later: 429, request: 400, unavailable: 503 } as const

/**
 * The events of a solve, in this order, as server-sent events whose names are the keys: `accepted` when the ledger has
 * reserved and the audit log has the record; then one of `solved` and `failed`. A solve that was not accepted has no
 * events: the reply is the error as JSON, with a status of `ERROR_STATUSES`.
 */
export const solveEventShapes = {
  accepted: z.object({ id: z.number().int() }),
  solved: solutionShape,
  failed: errorShape,
} as const

const at = z.iso.datetime().transform((text) => new Date(text))
const amount = z
  .number()
  .int()
  .transform((value) => value as Money)
const count = z.number().int()

const timeZone = text(64).refine(isTimeZone)
const pause = z.object({ code: text(64), message: text(2_000), at: z.number().min(0).max(MAX_TIME_MS) })
const MAX_LINKS = 8

/** The state of a token's budget. Times are ISO 8601; amounts are micro-dollars. */
export const statusShape = z.object({
  day: z.object({
    cap: amount,
    spent: amount,
    reserved: amount,
    left: amount,
    moreAt: at.optional(),
    resetsAt: at.optional(),
    timeZone: timeZone.optional(),
  }),
  minute: z.object({ cap: count.optional(), used: count }),
  slots: z.object({ cap: count.optional(), used: count }),
  paused: pause.optional(),
  /** For each link of the token, the one that was issued first. */
  links: z
    .array(
      z.object({
        id: text(64),
        subject: text(100).optional(),
        expiresAt: at,
        spent: amount,
        reserved: amount,
        revoked: pause.optional(),
        paused: pause.optional(),
      }),
    )
    .max(MAX_LINKS)
    .optional(),
  schedule: z.object({ open: z.boolean(), changesAt: at.optional(), timeZone: timeZone.optional() }),
})

export type WireStatus = z.output<typeof statusShape>
export type WireError = z.infer<typeof errorShape>
export type WireSolution = z.infer<typeof solutionShape>
