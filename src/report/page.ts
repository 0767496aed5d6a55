import { createHash } from 'node:crypto'
import { DateTime } from 'luxon'
import type { VerifyResult } from '../audit/verify.js'
import { counted } from '../base/counted.js'
import { LAYERS } from '../base/errors.js'
import { type Bucket, FURTHER } from './buckets.js'
import { barChart, countChart, noticeChart, type Series, spendChart, timesChart } from './charts.js'
import type { Comparison } from './compare.js'
import { escaped } from './escape.js'
import type { Dimension, Fold, Notice } from './fold.js'
import { durationText, percent, usdText, whole } from './numbers.js'
import { STYLE } from './style.js'
import type { Group } from './sums.js'
import { type Column, foldedTable, htmlTable } from './table.js'

/** What a page shows. */
export interface ReportPage {
  readonly fold: Fold
  /** Wall-clock ms. */
  readonly madeAt: number
  /** The comparisons with the ledger, if it could be read. */
  readonly comparisons: readonly Comparison[]
  /** Why there are no comparisons; absent where the ledger was read. */
  readonly ledgerProblem?: string | undefined
  /** Whether the log is whole, from a day on. */
  readonly verified: VerifyResult
  /** That day, in UTC, by which files are named: `2026-11-24`. */
  readonly verifiedSince: string
  /** Whether it was verified with the ledger's heads. Without them cut-off ends are not noticed. */
  readonly hasHeads: boolean
}

const TOP_BARS = 8
const TOP_ROWS = 50
const MAX_SERIES = 5
const MAX_LISTED = 60

/**
 * The report as one HTML page. It loads nothing, has no script, and forbids both. It is at most one mebibyte, whatever
 * the log has: names beyond the first of each kind are counted together.
 */
export function reportPage(page: ReportPage): string {
  const { fold } = page
  const style = createHash('sha256').update(STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'`
  const isEmpty = fold.records === 0
  const sections = isEmpty
    ? [nothing(page), log(page)]
    : [money(page), groups(fold), denials(fold), times(fold), notices(fold), log(page)]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>solveguard: ${escaped(titleOf(fold))}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(titleOf(fold))}</h1>
<p class="soft">${escaped(periodText(fold))}</p>
${answers(page)}
</header>
<main>
${sections.join('\n')}
</main>
<footer>
<p>Made by solveguard on ${escaped(momentText(page.madeAt, fold.timeZone))}. Amounts are US dollars; days and hours are
those of ${escaped(fold.timeZone)}.</p>
</footer>
</body>
</html>
`
}

// -- the answers at the head ----------------------------------------------------------------------------------------

function titleOf({ guards }: Fold): string {
  const names = guards.map(({ guard }) => guard).filter((name) => name !== '')
  if (names.length === 0) return 'Audit report'
  const [first = '', second] = names
  return `Audit report of ${names.length > 2 ? `${first} and ${counted(names.length - 1, 'other guard')}` : second === undefined ? first : `${first} and ${second}`}`
}

function periodText({ period, timeZone }: Fold): string {
  const last = period.to - 1
  const [from, to] = [period.from, last].map((at) => DateTime.fromMillis(at, { zone: timeZone, locale: 'en' }))
  if (!from || !to) return ''
  const isWhole = from.equals(from.startOf('day')) && to.plus(1).equals(to.plus(1).startOf('day'))
  if (isWhole && from.hasSame(to, 'day')) return `${from.toFormat('cccc d LLLL yyyy')} (${timeZone})`
  const format = isWhole ? 'd LLLL yyyy' : 'd LLLL yyyy, HH:mm'
  return `${from.toFormat(format)} to ${to.plus(isWhole ? 0 : 1).toFormat(format)} (${timeZone})`
}

function momentText(at: number, timeZone: string): string {
  return DateTime.fromMillis(at, { zone: timeZone, locale: 'en' }).toFormat('d LLL yyyy, HH:mm')
}

function answers(page: ReportPage): string {
  const { total } = page.fold
  const log = logAnswer(page)
  return `<ul class="answers">
<li><h2>What was spent</h2><p class="value">${usdText(total.spent)}</p>${paragraphs(spentFacts(page))}</li>
<li><h2>What was denied</h2><p class="value">${whole(total.denied)}</p>${paragraphs(deniedFacts(page.fold))}</li>
<li><h2>Is the log whole?</h2><p class="value ${log.tone}">${log.value}</p>${paragraphs(log.facts)}</li>
</ul>`
}

function paragraphs(texts: readonly string[]): string {
  return texts.map((text) => `<p>${escaped(text, 500)}</p>`).join('')
}

function spentFacts({ fold, comparisons }: ReportPage): string[] {
  const { solved, failed, open, openReserved, imputed } = fold.total
  const facts = [`${whole(solved)} solved, ${whole(failed)} failed`]
  if (open > 0)
    facts.push(`and at most ${usdText(openReserved)} for ${counted(open, 'solve')} that the log has no end of`)
  if (imputed > 0) facts.push(`${usdText(imputed)} of it is imputed: the service charges by thread`)
  const capped = comparisons.filter(({ cap }) => cap !== undefined)
  const [first] = capped
  if (first?.cap !== undefined && capped.length === 1) {
    const used = first.ledger + first.reserved
    facts.push(
      `${usdText(used)} of ${usdText(first.cap)} used in ${inWindow(first)} (${percent(used, first.cap) || '0 %'})`,
    )
  }
  return facts
}

function inWindow({ window }: Comparison): string {
  return window === '24 hours' ? 'the last 24 hours' : window
}

function deniedFacts({ denials, total, alerts, notices }: Fold): string[] {
  const facts: string[] = []
  const [most] = denials
  if (most && total.denied > 0) {
    facts.push(`most by the ${most.layer || 'unknown'} layer: ${most.code || 'no code'}, ${whole(most.count)}`)
  } else facts.push('no solve was denied')
  const raised = sumOf(alerts.values())
  const pauses = notices.filter(({ action }) => action === 'paused').length
  if (raised + pauses > 0) facts.push(`${counted(raised, 'alert')}, ${counted(pauses, 'pause')}`)
  return facts
}

function logAnswer({ verified, verifiedSince, hasHeads, comparisons, ledgerProblem }: ReportPage) {
  const { ok, files, records, firstBad } = verified
  const count = `${whole(records)} ${records === 1 ? 'record' : 'records'}`
  const size = `${count} in ${counted(files.length, 'file')} since ${verifiedSince}`
  const unconfirmed = files.every((file) => file.ok || file.firstBad?.problem === 'unconfirmed')
  const differing = comparisons.filter(({ agrees }) => !agrees)
  const ledger = ledgerProblem
    ? 'The ledger could not be read, so it is not compared.'
    : differing.length > 0
      ? 'The ledger does not say the same: see below.'
      : comparisons.length > 0
        ? 'The ledger says the same.'
        : ''
  const facts = [size, ledger].filter((text) => text !== '')
  if (!ok && unconfirmed) {
    return {
      tone: 'warn',
      value: 'Not closed',
      facts: [...facts, 'Its last lines are not confirmed yet: a process runs, or was killed.'],
    }
  }
  if (!ok)
    return {
      tone: 'bad',
      value: 'No',
      facts: [...facts, ...(firstBad ? [`${firstBad.file}${lineText(firstBad)}: ${firstBad.reason}`] : [])],
    }
  if (differing.length > 0) return { tone: 'bad', value: 'It differs', facts }
  if (records === 0) return { tone: '', value: 'Empty', facts: [...facts, 'There is nothing to verify.'] }
  if (!hasHeads)
    return {
      tone: 'warn',
      value: 'As far as is known',
      facts: [...facts, 'Without the ledger a missing end is not noticed.'],
    }
  return { tone: 'good', value: 'Yes', facts }
}

/** Where a line is; nothing where it is about the whole file. */
function lineText({ line }: { readonly line: number }): string {
  return line === 0 ? '' : `, line ${line}`
}

function nothing({ fold }: ReportPage): string {
  const more = fold.files === 0 ? 'The folder has no log of that time.' : 'The log has no records of that time.'
  return `<h2>Nothing happened</h2><p class="empty">${more} No solve was asked for, and nothing was spent.</p>`
}

// -- money ----------------------------------------------------------------------------------------------------------

function money({ fold, comparisons }: ReportPage): string {
  const { buckets, unit, guards, total } = fold
  const series = guardSeries(fold)
  const caps = comparisons.filter(({ cap }) => cap !== undefined)
  const cap = guards.length === 1 ? caps.map(({ cap }) => cap ?? 0).sort((a, b) => a - b)[0] : undefined
  const highest = [...buckets].sort((a, b) => b.spent - a.spent)[0]
  const label =
    `What was spent for each ${unit}: ${usdText(total.spent)} in all` +
    (highest && highest.spent > 0 ? `, most of it on ${bucketText(highest, fold)} (${usdText(highest.spent)}).` : '.')
  const lines = unit === 'hour' ? [{ name: 'sum of the day so far', className: 'line' }] : []
  const chart =
    total.spent > 0
      ? legend(series.length > 1 || lines.length > 0 ? series : [], lines) + spendChart(fold, series, cap, label)
      : '<p class="empty">Nothing was spent.</p>'
  const hasNotices = fold.allNotices > 0
  const below = hasNotices
    ? `<figure><figcaption>Alerts and pauses at the same times; a larger dot is more alerts</figcaption>${noticeChart(fold, fold.notices, noticeLabel(fold))}</figure>`
    : ''
  return `<section><h2>Spending over time</h2>
<figure><figcaption>US dollars for each ${unit}${cap === undefined ? '' : ', with the cap of a day'}</figcaption>${chart}</figure>
${below}
${foldedTable(`The figures, for each ${unit}`, `What happened in each ${unit} that has a record`, timeColumns(fold), busy(fold))}
${comparisonTable(comparisons)}
</section>`
}

function noticeLabel({ alerts, notices }: Fold): string {
  const pauses = notices.filter(({ action }) => action === 'paused').length
  return `${counted(sumOf(alerts.values()), 'alert')} and ${counted(pauses, 'pause')}; the list is below.`
}

/** The guards that spent most, and the others together. */
function guardSeries({ guards }: Fold): Series[] {
  if (guards.length <= 1) return [{ name: guards[0]?.guard ?? '', color: 1, valueOf: ({ spent }) => spent }]
  const top = guards.slice(0, guards.length > MAX_SERIES ? MAX_SERIES - 1 : MAX_SERIES).map(({ guard }) => guard)
  const series: Series[] = top.map((name, i) => ({
    ...{ name: name || 'no guard', color: i + 1 },
    valueOf: ({ guards: spent }) => spent.get(name) ?? 0,
  }))
  if (guards.length > MAX_SERIES) {
    const shown = (bucket: Bucket) => series.slice(0, top.length).reduce((sum, one) => sum + one.valueOf(bucket), 0)
    series.push({ name: 'others', color: 7, valueOf: (bucket) => Math.max(0, bucket.spent - shown(bucket)) })
  }
  return series
}

function legend(
  series: readonly Pick<Series, 'name' | 'color'>[],
  lines: readonly { name: string; className: string }[] = [],
): string {
  if (series.length + lines.length === 0) return ''
  const items = [
    ...series.map(({ name, color }) => `<li><i class="s${color}"></i><bdi>${escaped(name, 60)}</bdi></li>`),
    ...lines.map(({ name, className }) => `<li><i class="${className}"></i>${escaped(name)}</li>`),
  ]
  return `<ul class="legend">${items.join('')}</ul>`
}

function bucketText({ from }: Bucket, { unit, timeZone }: Fold): string {
  const format = { hour: 'd LLL, HH:mm', day: 'ccc d LLL yyyy', month: 'LLLL yyyy' }[unit]
  return DateTime.fromMillis(from, { zone: timeZone, locale: 'en' }).toFormat(format)
}

function busy({ buckets }: Fold): Bucket[] {
  return buckets.filter(
    ({ solved, failed, denied, alerts, spent }) => solved + failed + denied + alerts.size + spent > 0,
  )
}

function timeColumns(fold: Fold): Column<Bucket>[] {
  return [
    { head: fold.unit, cell: (bucket) => bucketText(bucket, fold) },
    { head: 'spent', cell: ({ spent }) => orNone(spent, usdText) },
    { head: 'solved', cell: ({ solved }) => orNone(solved, whole) },
    { head: 'failed', cell: ({ failed }) => orNone(failed, whole) },
    { head: 'denied', cell: ({ denied }) => orNone(denied, whole) },
    { head: 'alerts', cell: ({ alerts }) => orNone(sumOf(alerts.values()), whole) },
    { head: 'median time', cell: ({ times }) => timeText(times.quantile(0.5)) },
    { head: '95 %', cell: ({ times }) => timeText(times.quantile(0.95)) },
  ]
}

function orNone(value: number, text: (value: number) => string): string {
  return value === 0 ? '' : text(value)
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : durationText(ms)
}

function comparisonTable(comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) return ''
  const shown = comparisons.slice(0, MAX_LISTED)
  const reasons = [...new Set(shown.flatMap(({ reason }) => reason ?? []))]
  const columns: Column<Comparison>[] = [
    { head: 'guard', cell: ({ guard }) => guard },
    { head: 'window', cell: inWindow, isText: true },
    { head: 'by the ledger', cell: ({ ledger }) => usdText(ledger) },
    { head: 'by the log', cell: ({ log }) => usdText(log) },
    { head: 'reserved', cell: ({ reserved }) => orNone(reserved, usdText) },
    { head: 'cap', cell: ({ cap }) => (cap === undefined ? '' : usdText(cap)) },
    { head: 'the two', cell: differenceText, isText: true },
  ]
  return `<h2>Ledger and log</h2>
${htmlTable('What the ledger counts now, and what the log has of the same time', columns, shown)}
${reasons.map((reason) => `<p class="bad">${escaped(reason, 500)}</p>`).join('')}`
}

function differenceText({ agrees, higher, difference }: Comparison): string {
  return agrees ? 'agree' : `the ${higher} has ${usdText(difference)} more`
}

// -- by whom, where, with what --------------------------------------------------------------------------------------

const GROUPS: readonly { readonly by: Dimension; readonly title: string; readonly none: string }[] = [
  { by: 'subject', title: 'By subject', none: 'no subject' },
  { by: 'origin', title: 'By origin', none: 'no origin' },
  { by: 'family', title: 'By family', none: 'no family' },
  { by: 'key', title: 'By key version', none: 'no key' },
  { by: 'token', title: 'By token', none: 'without a token' },
  { by: 'solver', title: 'By account', none: 'no account' },
]

function groups(fold: Fold): string {
  const blocks = GROUPS.flatMap(({ by, title, none }) => {
    const all = fold.by[by].filter(({ spent, open, solved, failed }) => spent + open + solved + failed > 0)
    // Without any token there is nothing to distinguish.
    if (all.length === 0 || (by === 'token' && all.every(({ name }) => name === ''))) return []
    return [`<div><h3>${title}</h3>${groupFigure(all, title, none, fold.total.spent)}</div>`]
  })
  if (blocks.length === 0) return ''
  return `<section><h2>Who spent it, where, and with what</h2><div class="two">${blocks.join('\n')}</div></section>`
}

function groupFigure(all: readonly Group[], title: string, none: string, total: number): string {
  const nameOf = ({ name, isRest }: Group): string => (isRest ? 'further ones' : name || none)
  const top = all.slice(0, all.length > TOP_BARS ? TOP_BARS - 1 : TOP_BARS)
  const bars = top.map((group) => ({ label: nameOf(group), value: group.spent, text: usdText(group.spent) }))
  if (top.length < all.length) {
    const rest = all.slice(top.length).reduce((sum, { spent }) => sum + spent, 0)
    const count = whole(all.length - top.length)
    bars.push({ label: `${count} others`, value: rest, text: usdText(rest) })
  }
  const label = `${title}: ${bars
    .slice(0, 3)
    .map(({ label: name, text }) => `${name.slice(0, 60)} ${text}`)
    .join(', ')}${bars.length > 3 ? ' and others' : ''}.`
  const columns: Column<Group>[] = [
    { head: title.slice(3), cell: nameOf },
    { head: 'spent', cell: ({ spent }) => usdText(spent) },
    { head: 'of all', cell: ({ spent }) => percent(spent, total) },
    { head: 'solved', cell: ({ solved }) => whole(solved) },
    { head: 'failed', cell: ({ failed }) => orNone(failed, whole) },
    { head: 'denied', cell: ({ denied }) => orNone(denied, whole) },
    { head: 'no end, at most', cell: ({ openReserved }) => orNone(openReserved, usdText) },
  ]
  const rows = all.slice(0, TOP_ROWS)
  const more = all.length > rows.length ? `; the first ${rows.length} of ${whole(all.length)}` : ''
  return `<figure>${barChart(bars, label)}</figure>${foldedTable('The figures', `${title}${more}`, columns, rows)}`
}

// -- denials, times, notices ----------------------------------------------------------------------------------------

function denials(fold: Fold): string {
  if (fold.total.denied === 0) return '<section><h2>Denials</h2><p class="empty">No solve was denied.</p></section>'
  const known = new Set<string>(LAYERS)
  const all: Series[] = [
    ...LAYERS.map((name, i) => ({ name, color: i + 1, valueOf: ({ layers }: Bucket) => layers.get(name) ?? 0 })),
    {
      name: 'no layer known',
      color: 7,
      valueOf: ({ layers }) => sumOf([...layers].flatMap(([name, n]) => (known.has(name) ? [] : n))),
    },
  ]
  const series = all.filter((one) => fold.buckets.some((bucket) => one.valueOf(bucket) > 0))
  const sums = series.map((one) => ({
    name: one.name,
    count: sumOf(fold.buckets.map((bucket) => one.valueOf(bucket))),
  }))
  const label = `Denials for each ${fold.unit}: ${sums.map(({ name, count }) => `${name} ${whole(count)}`).join(', ')}.`
  const columns: Column<Fold['denials'][number]>[] = [
    { head: 'code', cell: ({ code }) => (code === FURTHER ? 'further codes' : code || 'no code') },
    { head: 'layer', cell: ({ layer }) => (layer === FURTHER ? '' : layer), isText: true },
    { head: 'denied', cell: ({ count }) => whole(count) },
    { head: 'of all', cell: ({ count }) => percent(count, fold.total.denied) },
  ]
  return `<section><h2>Denials</h2>
<figure><figcaption>Denied solves for each ${fold.unit}, by the layer that denied</figcaption>
${legend(series)}${countChart(fold, series, label)}</figure>
${foldedTable('The figures, by code', 'How often each code denied', columns, fold.denials.slice(0, MAX_LISTED))}
</section>`
}

function times(fold: Fold): string {
  const { times } = fold
  if (times.count === 0) return ''
  const parts = [
    ['median', 0.5],
    ['90 % within', 0.9],
    ['95 % within', 0.95],
    ['99 % within', 0.99],
  ] as const
  const figures = parts.map(([name, part]) => ({ name, text: timeText(times.quantile(part)) }))
  const label = `How long solves took: ${figures.map(({ name, text }) => `${name} ${text}`).join(', ')}.`
  return `<section><h2>How long solves took</h2>
<ul class="figures">${figures.map(({ name, text }) => `<li><b>${text}</b><span class="soft">${name}</span></li>`).join('')}</ul>
<figure><figcaption>From the call to the solution, for each ${fold.unit}</figcaption>
${legend([
  { name: 'median', color: 1 },
  { name: '95 % within', color: 2 },
])}${timesChart(fold, label)}</figure>
<p class="soft">${whole(times.count)} solves of a service; the figures for each ${fold.unit} are in the first table.</p>
</section>`
}

function notices(fold: Fold): string {
  if (fold.allNotices === 0) return ''
  const listed = fold.notices.slice(-MAX_LISTED).reverse()
  const columns: Column<Notice>[] = [
    { head: 'when', cell: ({ at }) => momentText(at, fold.timeZone) },
    { head: 'what', cell: ({ action }) => action, isText: true },
    { head: 'code', cell: ({ code }) => code, isText: true },
    { head: 'about', cell: ({ about, guard }) => about || (fold.guards.length > 1 ? guard : ''), isText: true },
    { head: 'message', cell: ({ message }) => message, isText: true },
  ]
  const counts = [...fold.alerts].sort((a, b) => b[1] - a[1]).slice(0, 12)
  const summary = counts.map(
    ([code, count]) => `${code === FURTHER ? 'further ones' : code || 'no code'} ${whole(count)}`,
  )
  const caption =
    fold.allNotices > listed.length ? `The newest ${listed.length} of ${whole(fold.allNotices)}` : 'Newest first'
  return `<section><h2>Alerts and pauses</h2>
${summary.length > 0 ? `<p class="soft">${escaped(`Alerts: ${summary.join(', ')}.`, 900)}</p>` : ''}
${foldedTable(`The list: ${counted(listed.length, 'entry', '').replace(/entry$/, listed.length === 1 ? 'entry' : 'entries')}`, caption, columns, listed)}
</section>`
}

// -- the log --------------------------------------------------------------------------------------------------------

function log({ fold, verified, verifiedSince, hasHeads, ledgerProblem }: ReportPage): string {
  const { files, records } = verified
  const bad = files.filter(({ ok }) => !ok)
  const columns: Column<(typeof files)[number]>[] = [
    { head: 'file', cell: ({ file }) => file },
    { head: 'line', cell: ({ firstBad }) => String(firstBad?.line || '') },
    { head: 'problem', cell: ({ firstBad }) => firstBad?.problem ?? '', isText: true },
    { head: 'what', cell: ({ firstBad }) => firstBad?.reason ?? '', isText: true },
  ]
  const facts = [
    `${whole(records)} valid ${records === 1 ? 'record' : 'records'} in ${counted(files.length, 'file')} ` +
      `since ${verifiedSince} (UTC), ` +
      (hasHeads ? "checked with the ledger's heads." : "checked without the ledger's heads."),
    ...(fold.unreadable > 0 ? [`${counted(fold.unreadable, 'line')} could not be read, and counted for nothing.`] : []),
    ...(fold.brokenFiles.length > 0
      ? [`${counted(fold.brokenFiles.length, 'file')} could not be read to the end: what is missing is not counted.`]
      : []),
    ...(ledgerProblem ? [ledgerProblem] : []),
  ]
  const table =
    bad.length === 0
      ? ''
      : htmlTable(`Files that are not as they were written: ${whole(bad.length)}`, columns, bad.slice(0, MAX_LISTED))
  return `<section><h2>The log</h2>${paragraphs(facts)}${table}</section>`
}

function sumOf(values: Iterable<number>): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
