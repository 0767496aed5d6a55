import type { Money } from '../policy/money.js'
import { Histogram } from './histogram.js'
import { type Period, piecesOf, type Unit } from './period.js'
import { plus } from './sums.js'

/** What happened in one piece of the time that a report is about: an hour, a day or a month. */
export interface Bucket extends Period {
  /** The costs on record, micro-dollars. */
  readonly spent: Money
  readonly solved: number
  readonly failed: number
  readonly denied: number
  /** How often each layer denied; empty for denials of which no layer is known. */
  readonly layers: ReadonlyMap<string, number>
  /** What each guard spent, micro-dollars. */
  readonly guards: ReadonlyMap<string, number>
  /** How often each alert was raised, by its code. */
  readonly alerts: ReadonlyMap<string, number>
  /** How long solves took. */
  readonly times: Histogram
}

/** How many names are counted one by one in each bucket; a report shows fewer. */
const MAX_NAMES = 40
/** Stands for further names. */
export const FURTHER = '…'

class MutableBucket implements Bucket {
  readonly from: number
  readonly to: number
  spent = 0 as Money
  solved = 0
  failed = 0
  denied = 0
  readonly layers = new Map<string, number>()
  readonly guards = new Map<string, number>()
  readonly alerts = new Map<string, number>()
  readonly times = new Histogram()

  constructor({ from, to }: Period) {
    this.from = from
    this.to = to
  }
}

/** The buckets of a report. Their number is bounded, whatever a log says. */
export class Buckets {
  readonly list: readonly MutableBucket[]

  constructor(period: Period, unit: Unit, timeZone: string) {
    this.list = piecesOf(period, unit, timeZone).map((piece) => new MutableBucket(piece))
  }

  /** The bucket of a moment; -1 where there is none. */
  indexOf(at: number): number {
    let low = 0
    let high = this.list.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const bucket = this.list[middle] as MutableBucket
      if (at < bucket.from) high = middle - 1
      else if (at >= bucket.to) low = middle + 1
      else return middle
    }
    return -1
  }

  /** @param amount negative to correct what was counted */
  spend(index: number, guard: string, amount: number): void {
    const bucket = this.list[index]
    if (bucket === undefined) return
    bucket.spent = plus(bucket.spent, amount) as Money
    count(bucket.guards, guard, amount)
  }

  ended(index: number, failed: boolean, durationMs: number | undefined): void {
    const bucket = this.list[index]
    if (bucket === undefined) return
    if (failed) bucket.failed++
    else bucket.solved++
    if (durationMs !== undefined) bucket.times.add(durationMs)
  }

  denied(index: number, layer: string, times: number): void {
    const bucket = this.list[index]
    if (bucket === undefined) return
    bucket.denied = plus(bucket.denied, times)
    count(bucket.layers, layer, times)
  }

  alerted(index: number, code: string): void {
    const bucket = this.list[index]
    if (bucket !== undefined) count(bucket.alerts, code, 1)
  }
}

/** Counts under a name, or with further ones where there are many. */
export function count(counts: Map<string, number>, name: string, times: number, max = MAX_NAMES): void {
  const key = counts.has(name) || counts.size < max ? name : FURTHER
  counts.set(key, plus(counts.get(key) ?? 0, times))
}
