import * as Plot from '@observablehq/plot'
import { DateTime } from 'luxon'
import { offsetMs } from '../policy/schedule.js'
import type { Bucket } from './buckets.js'
import type { Notice } from './fold.js'
import { usdTick } from './numbers.js'
import type { Period, Unit } from './period.js'
import { drawingDocument, svgText } from './svg.js'

/** What all charts over time share. */
export interface TimeFrame {
  readonly buckets: readonly Bucket[]
  readonly unit: Unit
  readonly timeZone: string
}

/** A part of what is stacked in a bar. */
export interface Series {
  readonly name: string
  /** From 1: which of the colors of the page. */
  readonly color: number
  valueOf(bucket: Bucket): number
}

/** A horizontal bar. */
export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
}

/** Each chart is drawn twice: for a wide page and paper, and for a telephone. */
const SIZES = [
  { className: 'wide', width: 960, ticks: 10, left: 62, font: 12 },
  { className: 'narrow', width: 360, ticks: 4, left: 54, font: 11 },
] as const
type Size = (typeof SIZES)[number]

function drawn(label: string, options: (size: Size) => Plot.PlotOptions): string {
  const document = drawingDocument()
  return SIZES.map((size) => {
    const { width, left, font } = size
    const chosen = options(size)
    const drawing = Plot.plot({
      document,
      width,
      marginLeft: left,
      marginRight: 14,
      ...chosen,
    })
    // Without a legend or a title a plot is the drawing itself.
    return svgText(drawing as Element, label, `chart ${size.className}`).replace('<svg ', `<svg font-size="${font}" `)
  }).join('')
}

/** A moment as what an axis in UTC shows as the time of the zone. */
function shown(at: number, timeZone: string): Date {
  return new Date(at + offsetMs(timeZone, at))
}

function domainOf({ buckets, timeZone }: TimeFrame): [Date, Date] {
  return [shown(buckets[0]?.from ?? 0, timeZone), shown(buckets.at(-1)?.to ?? 1, timeZone)]
}

const LABELS: Readonly<Record<Unit, (at: DateTime) => string>> = {
  hour: (at) => (at.hour === 0 ? at.toFormat('d LLL') : at.toFormat('HH:mm')),
  day: (at) => at.toFormat('d LLL'),
  month: (at) => at.toFormat('LLL yy'),
}

/** The axis of time: a tick for each so many buckets, at its middle, or at the beginning of an hour. */
function timeAxis({ buckets, unit, timeZone }: TimeFrame, { ticks }: Size): Plot.Markish {
  const step = Math.max(1, Math.ceil(buckets.length / ticks))
  const chosen = buckets.filter((_, i) => i % step === 0)
  const labels = new Map(
    chosen.map(({ from, to }) => {
      const at = shown(unit === 'hour' ? from : (from + to) / 2, timeZone)
      return [at.getTime(), LABELS[unit](DateTime.fromMillis(from, { zone: timeZone, locale: 'en' }))]
    }),
  )
  const format = (at: Date): string => labels.get(at.getTime()) ?? ''
  return Plot.axisX(
    [...labels.keys()].map((at) => new Date(at)),
    { tickFormat: format, label: null, tickSize: 4 },
  )
}

interface Block {
  readonly x1: Date
  readonly x2: Date
  readonly y1: number
  readonly y2: number
}

/** The bars of each series, stacked. */
function stacked({ buckets, timeZone }: TimeFrame, series: readonly Series[]): Plot.Markish[] {
  const heights = new Map<Bucket, number>()
  return series.map((one) => {
    const blocks: Block[] = []
    for (const bucket of buckets) {
      const value = one.valueOf(bucket)
      if (value <= 0) continue
      const y1 = heights.get(bucket) ?? 0
      heights.set(bucket, y1 + value)
      blocks.push({ x1: shown(bucket.from, timeZone), x2: shown(bucket.to, timeZone), y1, y2: y1 + value })
    }
    const inset = buckets.length > 150 ? 0 : buckets.length > 60 ? 0.5 : 1
    return Plot.rect(blocks, {
      x1: 'x1',
      x2: 'x2',
      y1: 'y1',
      y2: 'y2',
      fill: color(one.color),
      inset: 0,
      insetLeft: inset,
      insetRight: inset,
    })
  })
}

function color(number: number): string {
  return `var(--c${number})`
}

const GRID = { stroke: 'var(--line)', strokeOpacity: 1 }

/** What was spent over time, stacked by guard, against the cap of a day. */
export function spendChart(
  frame: TimeFrame,
  series: readonly Series[],
  cap: number | undefined,
  label: string,
): string {
  const { buckets, unit, timeZone } = frame
  // Within a day the cap is one of its sum so far.
  const sums = unit === 'hour' ? runningSums(frame) : []
  const isCapShown = cap !== undefined && unit !== 'month'
  const highest = Math.max(0, ...buckets.map(({ spent }) => spent), ...sums.map(({ sum }) => sum))
  const top = Math.max(highest, isCapShown ? cap : 0, 1)
  return drawn(label, (size) => ({
    height: 240,
    marginBottom: 26,
    marginTop: 18,
    x: { type: 'utc', domain: domainOf(frame) },
    y: { domain: [0, top * 1.04] },
    marks: [
      Plot.gridY({ ticks: 5, ...GRID }),
      Plot.axisY({ ticks: 5, tickFormat: usdTick, label: null, tickSize: 0 }),
      timeAxis(frame, size),
      ...stacked(frame, series),
      Plot.line(sums, {
        ...{ x: ({ at }: { at: number }) => shown(at, timeZone), y: 'sum', z: 'day' },
        ...{ stroke: 'var(--ink)', strokeWidth: 1.5, strokeDasharray: '2 3' },
      }),
      ...(isCapShown
        ? [
            Plot.ruleY([cap], { stroke: 'var(--bad)', strokeWidth: 1.5, strokeDasharray: '6 3' }),
            Plot.text([cap], {
              ...{ y: (y: number) => y, frameAnchor: 'right', textAnchor: 'end', dy: -7, fill: 'var(--bad)' },
              text: () => `cap of a day ${usdTick(cap)}`,
            }),
          ]
        : []),
      Plot.ruleY([0], { stroke: 'var(--axis)' }),
    ],
  }))
}

/** What was spent since midnight, hour by hour. */
function runningSums({ buckets, timeZone }: TimeFrame): { at: number; sum: number; day: string }[] {
  let sum = 0
  let last = ''
  return buckets.map(({ from, to, spent }) => {
    const day = DateTime.fromMillis(from, { zone: timeZone }).toISODate() ?? ''
    sum = day === last ? sum + spent : spent
    last = day
    return { at: to, sum, day }
  })
}

/** A pause: from when until when. */
export interface PauseSpan extends Period {
  readonly open: boolean
}

/** The times at which each guard, subject or account was paused. */
function pausesOf(notices: readonly Notice[], to: number): readonly PauseSpan[] {
  const begun = new Map<string, number>()
  const spans: PauseSpan[] = []
  for (const { at, action, guard, about } of notices) {
    const key = `${guard}\n${about}`
    const from = begun.get(key)
    if (action === 'paused' && from === undefined) begun.set(key, at)
    if (action !== 'resumed' || from === undefined) continue
    begun.delete(key)
    spans.push({ from, to: at, open: false })
  }
  return [...spans, ...[...begun.values()].map((from) => ({ from, to, open: true }))]
}

const ROWS = ['alerts', 'pauses'] as const

/** Alerts and pauses, under the chart of what was spent. */
export function noticeChart(frame: TimeFrame, notices: readonly Notice[], label: string): string {
  const { buckets, timeZone } = frame
  const alerts = buckets.flatMap(({ from, to, alerts }) => {
    const count = [...alerts.values()].reduce((sum, one) => sum + one, 0)
    return count === 0 ? [] : [{ at: shown((from + to) / 2, timeZone), count }]
  })
  const [start, end] = [buckets[0]?.from ?? 0, buckets.at(-1)?.to ?? 1]
  const spans = pausesOf(notices, end)
    .slice(-200)
    .map(({ from, to }) => ({ x1: shown(Math.max(from, start), timeZone), x2: shown(Math.min(to, end), timeZone) }))
  const y = { domain: ROWS, type: 'band', padding: 0.25 } as const
  return drawn(label, (size) => ({
    height: 78,
    marginTop: 4,
    marginBottom: 24,
    x: { type: 'utc', domain: domainOf(frame) },
    y,
    marks: [
      Plot.axisY({ tickSize: 0, label: null }),
      timeAxis(frame, size),
      Plot.ruleY(ROWS, { stroke: 'var(--line)' }),
      Plot.rect(spans, { x1: 'x1', x2: 'x2', y: () => 'pauses', fill: 'var(--c2)', insetLeft: -1, insetRight: -1 }),
      Plot.dot(alerts, {
        ...{ x: 'at', y: () => 'alerts', r: ({ count }: { count: number }) => Math.min(9, 3 + Math.sqrt(count)) },
        ...{ fill: 'var(--c4)', stroke: 'var(--paper)', strokeWidth: 1 },
      }),
    ],
    r: { type: 'identity' },
  }))
}

/** Counts over time, stacked. */
export function countChart(frame: TimeFrame, series: readonly Series[], label: string): string {
  return drawn(label, (size) => ({
    height: 200,
    marginTop: 12,
    marginBottom: 26,
    x: { type: 'utc', domain: domainOf(frame) },
    y: { nice: true, domain: [0, highest(frame, series)] },
    marks: [
      Plot.gridY({ ticks: 4, ...GRID }),
      Plot.axisY({ ticks: 4, label: null, tickSize: 0, tickFormat: wholeTick }),
      timeAxis(frame, size),
      ...stacked(frame, series),
      Plot.ruleY([0], { stroke: 'var(--axis)' }),
    ],
  }))
}

function highest({ buckets }: TimeFrame, series: readonly Series[]): number {
  return Math.max(1, ...buckets.map((bucket) => series.reduce((sum, one) => sum + one.valueOf(bucket), 0)))
}

const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** Ticks of counts: none between whole numbers. */
function wholeTick(value: number): string {
  return Number.isInteger(value) ? COMPACT.format(value) : ''
}

/** How long solves took, over time: the middle one, and what nineteen of twenty do not exceed. */
export function timesChart(frame: TimeFrame, label: string): string {
  const { buckets, timeZone } = frame
  const points = buckets.flatMap(({ from, to, times }) => {
    const [median, most] = [times.quantile(0.5), times.quantile(0.95)]
    const at = shown((from + to) / 2, timeZone)
    return median === undefined || most === undefined ? [] : [{ at, median: median / 1000, most: most / 1000 }]
  })
  const radius = points.length > 90 ? 1.5 : 3
  const line = (y: 'median' | 'most', number: number): Plot.Markish[] => [
    Plot.line(points, { x: 'at', y, stroke: color(number), strokeWidth: 2 }),
    Plot.dot(points, { x: 'at', y, fill: color(number), r: radius }),
  ]
  return drawn(label, (size) => ({
    height: 200,
    marginTop: 12,
    marginBottom: 26,
    x: { type: 'utc', domain: domainOf(frame) },
    y: { nice: true, domain: [0, Math.max(0.1, ...points.map(({ most }) => most))] },
    marks: [
      Plot.gridY({ ticks: 4, ...GRID }),
      Plot.axisY({ ticks: 4, label: null, tickSize: 0, tickFormat: (seconds: number) => `${seconds} s` }),
      timeAxis(frame, size),
      ...line('most', 2),
      ...line('median', 1),
      Plot.ruleY([0], { stroke: 'var(--axis)' }),
    ],
    r: { type: 'identity' },
  }))
}

/** A bar for each name. */
export function barChart(bars: readonly Bar[], label: string): string {
  const rows = bars.map((bar, i) => ({ ...bar, row: String(i) }))
  const top = Math.max(1, ...bars.map(({ value }) => value))
  return drawn(label, ({ className }) => {
    const isNarrow = className === 'narrow'
    const [left, font] = isNarrow ? [132, 11] : [210, 12]
    const names = new Map(rows.map(({ row, label: name }) => [row, clipped(name, (left - AXIS_GAP) / font)]))
    return {
      ...{ width: isNarrow ? 360 : 560, height: 26 * rows.length + 6 },
      ...{ marginLeft: left, marginRight: 64, marginTop: 3, marginBottom: 3 },
      x: { domain: [0, top], axis: null },
      y: { type: 'band', domain: [...names.keys()], padding: 0.3 },
      marks: [
        Plot.axisY({ tickSize: 0, label: null, tickFormat: (row: string) => names.get(row) ?? '' }),
        Plot.barX(rows, { x: 'value', y: 'row', fill: 'var(--c1)' }),
        Plot.text(rows, { x: 'value', y: 'row', text: 'text', textAnchor: 'start', dx: 5 }),
      ],
    }
  })
}

/** Between the names of bars and their axis, and a rest for fonts that are wider than most. */
const AXIS_GAP = 14

/** As much of a text as fits, in the height of its font: there is no font to measure with. */
function clipped(text: string, available: number): string {
  let width = 0
  let fits = ''
  for (const character of text) {
    width += widthOf(character)
    if (width > available) return `${fits}…`
    if (width <= available - widthOf('…')) fits += character
  }
  return text
}

/** How wide a character is at most in the usual fonts of a system, in the height of the font. */
function widthOf(character: string): number {
  if (/[il.,:;'|!/()[\]{} ]/.test(character)) return 0.36
  if (/[a-ln-vx-z0-9_-]/.test(character)) return 0.6
  return /[ -LN-VX-~]/.test(character) ? 0.9 : 1.1
}
