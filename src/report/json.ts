import type { ReportPage } from './page.js'
import { isoDay } from './period.js'

/**
 * What a page shows, as data: amounts in micro-dollars, times of solves in ms, moments in ISO 8601. Of each kind of
 * names all that were counted one by one; what has no name has an empty one, and `isRest` marks all further ones
 * together.
 */
export function reportJson({
  fold,
  madeAt,
  comparisons,
  ledgerProblem,
  verified,
  verifiedSince,
  hasHeads,
}: ReportPage): object {
  const { period, unit, timeZone, records, unreadable, files, brokenFiles, total, by, denials } = fold
  return {
    madeAt: iso(madeAt),
    period: { from: iso(period.from), to: iso(period.to), unit, timeZone },
    log: {
      ...{ files, brokenFiles, records, unreadable, ok: verified.ok, checkedWithHeads: hasHeads },
      ...{ verifiedSince, validRecords: verified.records },
      firstBad: verified.firstBad ?? null,
    },
    ledger: { problem: ledgerProblem ?? null, comparisons },
    total,
    times: quantiles(fold.times),
    buckets: fold.buckets.map(({ from, to, layers, guards, alerts, times, ...counts }) => ({
      ...{ from: iso(from), to: iso(to), day: isoDay(from, timeZone) },
      ...counts,
      denials: Object.fromEntries(layers),
      guards: Object.fromEntries(guards),
      alerts: Object.fromEntries(alerts),
      times: quantiles(times),
    })),
    guards: fold.guards.map(({ slots: _, ...sums }) => sums),
    by,
    denials,
    alerts: Object.fromEntries(fold.alerts),
    notices: fold.notices.map(({ at, ...notice }) => ({ at: iso(at), ...notice })),
  }
}

function quantiles(times: ReportPage['fold']['times']): object {
  const of = (part: number) => Math.round(times.quantile(part) ?? 0)
  return times.count === 0
    ? { count: 0 }
    : { count: times.count, medianMs: of(0.5), within90Ms: of(0.9), within95Ms: of(0.95), within99Ms: of(0.99) }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
