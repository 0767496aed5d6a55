import { z } from 'zod'

/**
 * The shape of one record, for programs that read a log. Names are those of the Elastic Common Schema where it has one
 * (https://www.elastic.co/docs/reference/ecs); everything else is under `solveguard`. Amounts are whole micro-dollars,
 * times are ISO 8601 in UTC, `event.duration` is nanoseconds, as the schema requires.
 *
 * @example
 * const record = recordSchema.parse(JSON.parse(line))
 */
export const recordSchema = z.strictObject({
  '@timestamp': z.iso.datetime(),
  ecs: z.strictObject({ version: z.string() }),
  event: z.strictObject({
    kind: z.enum(['event', 'alert']),
    category: z.array(z.string()),
    type: z.array(z.string()),
    action: z.string(),
    outcome: z.enum(['success', 'failure', 'unknown']).optional(),
    dataset: z.literal('solveguard.audit'),
    /** The number of the record in its file, from 1. Only where the sink keeps a chain. */
    sequence: z.int().positive().optional(),
    /** How a success was reached, where no service was used: `TEST_KEY`, `PROOF_OF_WORK`. */
    code: z.string().optional(),
    /** The reason for the decision, as a sentence: denials, pauses, alerts. */
    reason: z.string().optional(),
    duration: z.int().nonnegative().optional(),
    /** The first and the last of the denials that a counted record stands for. */
    start: z.iso.datetime().optional(),
    end: z.iso.datetime().optional(),
  }),
  error: z.strictObject({ code: z.string().optional(), message: z.string().optional() }).optional(),
  /** `name` is the guard's name. */
  service: z.strictObject({ name: z.string(), type: z.literal('solveguard') }),
  process: z.strictObject({ pid: z.int() }),
  host: z.strictObject({ name: z.string() }),
  /** Whom the grant was given to: the last of `subjects`. */
  user: z.strictObject({ name: z.string() }).optional(),
  /** The page, never with its query, its fragment or a password. */
  url: z
    .strictObject({
      scheme: z.string(),
      domain: z.string().optional(),
      port: z.int().optional(),
      path: z.string().optional(),
    })
    .optional(),
  solveguard: z.strictObject({
    solve_id: z.string().optional(),
    /** The budgets that the solve draws on, widest first. */
    budgets: z.array(z.string()).optional(),
    /** Whom the grant and each grant above it was given to, widest first; only where there are several. */
    subjects: z.array(z.string()).optional(),
    layer: z.string().optional(),
    retry_at: z.iso.datetime().optional(),
    /** How many denials of one kind this record stands for. */
    count: z.int().positive().optional(),
    challenge: z
      .strictObject({
        family: z.string().optional(),
        variant: z.string().optional(),
        sitekey: z.string().optional(),
        /** The frame that the widget is in, where it is not the page itself. */
        frame: z.string().optional(),
      })
      .optional(),
    solver: z.string().optional(),
    task_id: z.string().optional(),
    key: z.strictObject({ version: z.string().optional(), fingerprint: z.string().optional() }).optional(),
    egress: z.string().optional(),
    reserved_micros: z.int().nonnegative().optional(),
    cost_micros: z.int().nonnegative().optional(),
    imputed: z.boolean().optional(),
    /** In a file's first record: which file this is, and which one the same process wrote before. */
    file: z
      .strictObject({
        name: z.string(),
        continues: z
          .strictObject({
            file: z.string(),
            seq: z.int().positive(),
            hash: z.string(),
            /** `torn`: a part of a line follows that record, which a failed write left there. */
            end: z.enum(['whole', 'torn']).optional(),
          })
          .optional(),
      })
      .optional(),
  }),
  /** Only where the sink keeps a chain: see `chain.ts`. `hmac` is the hash where the chain has a key. */
  chain: z.strictObject({ prev: z.string(), hash: z.string().optional(), hmac: z.string().optional() }).optional(),
})

/** One record, as it is written. */
export type AuditRecord = z.infer<typeof recordSchema>
