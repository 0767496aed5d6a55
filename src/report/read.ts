import type { AuditKey } from '../audit/key.js'
import { verifyAudit } from '../audit/verify.js'
import { messageOf } from '../base/errors.js'
import type { LedgerReader } from '../ledger/open.js'
import { compareWithLedger } from './compare.js'
import { type FoldOptions, fold } from './fold.js'
import type { ReportPage } from './page.js'
import { isoDay } from './period.js'

/** Where a report reads. */
export interface ReportSource {
  /** The folder of the audit log. */
  readonly dir: string
  /**
   * The key of the log, if it was written with one.
   * @default none
   */
  readonly key?: AuditKey | undefined
  /**
   * Opens the ledger. Where it throws, the report says why, and does not compare.
   * @default undefined: the log is read alone
   */
  readonly openReader?: (() => Promise<Pick<LedgerReader, 'status' | 'heads'>>) | undefined
  readonly clock: { now(): number }
  /** Guards that the ledger may know, beside those of the log. */
  readonly guards: readonly string[]
}

/**
 * Reads what a report shows: the log, whether its files of the period's days are whole, and what the ledger says of
 * the same time.
 * @throws SolveguardError `CONFIG_INVALID` when there is no such log, or the period ends before it begins
 */
export async function readReport(source: ReportSource, options: FoldOptions): Promise<ReportPage> {
  const { dir, key, clock } = source
  const target = { dir }
  const first = await fold(target, options)
  const look = () => fold(target, { ...options, now: clock.now(), onProgress: undefined })
  const ledger = await readLedger(source, options, (reader, names) =>
    compareWithLedger(reader, first, look, clock, names),
  )
  const { heads, ...compared } = ledger
  // Files of earlier days may have been moved elsewhere, or be those of an incident that was dealt with.
  const verifiedSince = isoDay(first.period.from, 'UTC')
  const verified = await verifyAudit(target, { key, heads, since: verifiedSince })
  options.signal?.throwIfAborted()
  return { fold: first, madeAt: clock.now(), ...compared, verified, verifiedSince, hasHeads: heads !== undefined }
}

async function readLedger(
  { openReader, guards }: ReportSource,
  { guard }: FoldOptions,
  compare: (reader: Pick<LedgerReader, 'status'>, names: readonly string[]) => Promise<ReportPage['comparisons']>,
) {
  if (openReader === undefined) return { comparisons: [], heads: undefined }
  try {
    const reader = await openReader()
    const comparisons = await compare(reader, guard === undefined ? guards : [guard])
    return { comparisons, heads: await reader.heads() }
  } catch (error) {
    return { comparisons: [], ledgerProblem: messageOf(error), heads: undefined }
  }
}
