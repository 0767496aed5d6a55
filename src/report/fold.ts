import { join } from 'node:path'
import { type AuditTarget, filesOf, openLog } from '../audit/files.js'
import { messageOf, printable, SolveguardError } from '../base/errors.js'
import { DAY, slotOf } from '../ledger/windows.js'
import { dayAt } from '../policy/calendar.js'
import { type Bucket, Buckets, count } from './buckets.js'
import { EndedTasks } from './ended-tasks.js'
import { type RecordFacts, readFacts } from './facts.js'
import { Histogram } from './histogram.js'
import { isoDay, type Period, type Unit, unitOf } from './period.js'
import { type Group, Groups, type MutableSums, noSums, plus, type Sums } from './sums.js'

/** By what a sum of what was spent is divided. */
export const DIMENSIONS = ['subject', 'origin', 'family', 'key', 'token', 'solver', 'day'] as const
/** One of them. */
export type Dimension = (typeof DIMENSIONS)[number]

/** What of a log is read. */
export interface FoldOptions {
  /** The time now, wall-clock ms. */
  readonly now: number
  /** The time zone of days. */
  readonly timeZone: string
  /**
   * From when on, wall-clock ms.
   * @default the first day of the log
   */
  readonly since?: number | undefined
  /**
   * Until when, wall-clock ms.
   * @default now
   */
  readonly until?: number | undefined
  /**
   * The only guard that is looked at.
   * @default all guards
   */
  readonly guard?: string | undefined
  /**
   * Called for each file.
   * @param done files that were read
   * @default nothing is called
   */
  readonly onProgress?: ((done: number, files: number, records: number) => void) | undefined
  /** Ends reading: `fold` then throws its reason. */
  readonly signal?: AbortSignal | undefined
}

/** A pause, its end, or an alert. */
export interface Notice {
  /** Wall-clock ms. */
  readonly at: number
  readonly action: 'paused' | 'resumed' | 'alert'
  /** Printable. */
  readonly guard: string
  /** Printable; empty where there is none. */
  readonly code: string
  /** Printable; empty where there is none. */
  readonly message: string
  /** Whom or what it is about, printable: a subject or an account; empty for the guard. */
  readonly about: string
}

/** What a ledger counts in slots, by the log. Amounts in micro-dollars. */
export interface SlotSums {
  /** What solves cost that the log has the end of. */
  readonly spent: number
  /** The part of it that another process settled: the ledger may count it earlier. */
  readonly recovered: number
  /** What solves that the log has no end of may have cost at most, as of when they began. */
  readonly open: number
}

/** What the log says of one guard. */
export interface GuardFold extends Sums {
  /** As in the log. */
  readonly guard: string
  /** Of the last 30 hours, by the slots of the ledger. */
  readonly slots: ReadonlyMap<number, SlotSums>
}

/** A file of a log that cannot be read to its end. */
export interface BrokenFile {
  /** Its name, printable. */
  readonly file: string
  /** Why, printable. */
  readonly reason: string
}

/** A log, added up. */
export interface Fold {
  readonly period: Period
  readonly unit: Unit
  readonly timeZone: string
  /** The records of the period. */
  readonly records: number
  /** Lines that are no records. */
  readonly unreadable: number
  /** The files that were read. */
  readonly files: number
  /** Those of them that could not be read, or not to their end: what is missing there is not counted. */
  readonly brokenFiles: readonly BrokenFile[]
  readonly total: Sums
  readonly buckets: readonly Bucket[]
  readonly by: Readonly<Record<Dimension, readonly Group[]>>
  /** Those that spent most first. */
  readonly guards: readonly GuardFold[]
  /** How often each code denied, with its layer. */
  readonly denials: readonly { readonly code: string; readonly layer: string; readonly count: number }[]
  /** How long solves took. */
  readonly times: Histogram
  /** How often each alert was raised, by its code. */
  readonly alerts: ReadonlyMap<string, number>
  /** The newest pauses, their ends, and alerts, oldest first. */
  readonly notices: readonly Notice[]
  /** How many of them there are in all. */
  readonly allNotices: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How long before a period a solve may have begun that another process settled in it. */
const LOOK_BACK_MS = 2 * DAY_MS
const SLOTS_MS = 30 * HOUR_MS
const MAX_YEARS_MS = 20 * 366 * DAY_MS
const MAX_GUARDS = 200
const MAX_ACCOUNTS = 20_000
const MAX_OPEN = 100_000
const MAX_CODES = 200
const MAX_NOTICES = 1_000
/** How the name of a file begins. */
const NAMED_BY_DAY = /^(\d{4}-\d{2}-\d{2})-/

/**
 * Adds up a log in one pass. Memory does not depend on how long it is, nor on what its lines say. A task counts once,
 * also where several processes recorded its end: at the lowest cost, as it may have been settled.
 *
 * @throws SolveguardError `CONFIG_INVALID` when there is no such log
 */
export async function fold(target: AuditTarget, options: FoldOptions): Promise<Fold> {
  const { dir, names } = await filesOf(target)
  const period = periodOf(names, options)
  const folding = new Folding(period, options)
  const wanted = names.filter((name) => mayHave(name, { from: period.from - LOOK_BACK_MS, to: period.to }, options.now))
  let files = 0
  for (const name of wanted) {
    folding.beginFile(NAMED_BY_DAY.exec(name)?.[1] ?? '')
    await readFile(dir, name, folding, options)
    options.onProgress?.(++files, wanted.length, folding.records)
  }
  return folding.result(files)
}

async function readFile(dir: string, name: string, folding: Folding, { signal }: FoldOptions): Promise<void> {
  try {
    const file = await openLog(join(dir, name))
    try {
      for await (const { bytes, end } of file.lines({ skipLong: true })) {
        if (signal?.aborted) break
        if (end === 'long') folding.unreadable++
        else if (end === 'whole') folding.add(bytes)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    // The others are read all the same: one file that is damaged hides nothing of them.
    folding.brokenFiles.push({ file: printable(name), reason: messageOf(error) })
  }
  signal?.throwIfAborted()
}

/** The period that is asked for; without its beginning, it begins with the first day of the log. */
function periodOf(names: readonly string[], { now, since, until = now, timeZone }: FoldOptions): Period {
  const earliest = now - MAX_YEARS_MS
  const to = Math.min(Math.max(until, earliest), now + DAY_MS)
  const first = names.map((name) => Date.parse(NAMED_BY_DAY.exec(name)?.[1] ?? '')).find((at) => at >= earliest)
  const from = Math.max(since ?? dayAt(timeZone, Math.min(first ?? now, now)).start, earliest)
  if (from < to) return { from, to }
  if (since === undefined) return { from: to - DAY_MS, to }
  throw new SolveguardError(
    'CONFIG_INVALID',
    'The period ends before it begins: --until, which is now unless it is named, has to be later than --since.',
  )
}

/** Whether a file may have records of a period: a file of a day has none of a later one, but may of hours before. */
function mayHave(name: string, { from, to }: Period, now: number): boolean {
  const day = Date.parse(NAMED_BY_DAY.exec(name)?.[1] ?? '')
  if (Number.isNaN(day)) return true
  const ofLedger = now - SLOTS_MS
  return day + 2 * DAY_MS > Math.min(from, ofLedger) && day - DAY_MS < Math.max(to, now)
}

/** What a cost is counted for: all names of a solve. */
interface Account {
  readonly index: number
  readonly guard: MutableGuard
  readonly groups: readonly MutableSums[]
}

/** A calendar day, with what was counted in it. */
interface CountedDay {
  /** Wall-clock ms. */
  readonly start: number
  /** Wall-clock ms: not part of the day any more. */
  readonly end: number
  readonly sums: MutableSums
}

/** A solve that the log has no end of yet. */
interface Open {
  readonly at: number
  readonly account: Account
  readonly reserved: number
}

type MutableGuard = MutableSums & {
  readonly guard: string
  readonly slots: Map<number, { -readonly [K in keyof SlotSums]: SlotSums[K] }>
}

class Folding {
  records = 0
  unreadable = 0
  readonly brokenFiles: BrokenFile[] = []
  readonly #period: Period
  readonly #unit: Unit
  readonly #options: FoldOptions
  readonly #buckets: Buckets
  readonly #total = noSums()
  readonly #groups = {
    subject: new Groups(),
    origin: new Groups(),
    family: new Groups(),
    key: new Groups(),
    token: new Groups(),
    solver: new Groups(),
    day: new Groups(),
  }
  readonly #guards = new Map<string, MutableGuard>()
  readonly #accounts = new Map<string, Account>()
  readonly #accountList: Account[] = []
  readonly #denials = new Map<string, number>()
  readonly #times = new Histogram()
  readonly #alerts = new Map<string, number>()
  #notices: Notice[] = []
  #allNotices = 0
  /** By the id of the solve. */
  readonly #open = new Map<string, Open>()
  /** Ends that another process recorded, of solves whose beginning was not read yet; by the id of the solve. */
  readonly #recovered = new Map<string, RecordFacts>()
  /** Of the last three days that files are named by: no task is settled later. */
  #ended: EndedTasks[] = [new EndedTasks()]
  #day = ''
  /** The day of the last record. */
  #today: CountedDay = { start: 0, end: 0, sums: noSums() }
  /** By the day of UTC in which a moment is: the days of the time zone that it has a part of, three at most. */
  readonly #days = new Map<number, CountedDay[]>()

  constructor(period: Period, options: FoldOptions) {
    this.#period = period
    this.#options = options
    this.#unit = unitOf(period)
    this.#buckets = new Buckets(period, this.#unit, options.timeZone)
  }

  beginFile(day: string): void {
    if (day === this.#day) return
    this.#day = day
    this.#ended = [new EndedTasks(), ...this.#ended.slice(0, 2)]
  }

  add(line: Buffer): void {
    const facts = readFacts(line)
    if (facts === undefined) {
      this.unreadable++
      return
    }
    const { guard } = this.#options
    if (guard !== undefined && facts.guard !== guard) return
    if (this.#isWithin(facts.at)) this.records++
    const { action } = facts
    if (action === 'authorized') this.#begin(facts)
    else if (action === 'solved' || action === 'failed') this.#end(facts)
    else if (action === 'recovered') this.#recover(facts)
    else if (action === 'denied') this.#deny(facts)
    else if (action === 'alert' || action === 'paused' || action === 'resumed') this.#notice(facts, action)
  }

  result(files: number): Fold {
    for (const facts of this.#recovered.values()) this.#count(facts, this.#accountOf(facts), true)
    this.#recovered.clear()
    for (const open of this.#open.values()) this.#countOpen(open)
    this.#open.clear()
    const denials = [...this.#denials].map(([key, times]) => {
      const [layer = '', code = ''] = key.split('\n')
      return { code: printable(code), layer: printable(layer), count: times }
    })
    const { subject, origin, family, key, token, solver, day } = this.#groups
    return {
      period: this.#period,
      unit: this.#unit,
      timeZone: this.#options.timeZone,
      records: this.records,
      unreadable: this.unreadable,
      files,
      brokenFiles: this.brokenFiles,
      total: this.#total,
      buckets: this.#buckets.list,
      by: {
        subject: subject.list(),
        origin: origin.list(),
        family: family.list(),
        key: key.list(),
        token: token.list(),
        solver: solver.list(),
        day: day.list(),
      },
      guards: [...this.#guards.values()].sort((a, b) => b.spent - a.spent || (a.guard < b.guard ? -1 : 1)),
      denials: denials.sort((a, b) => b.count - a.count),
      times: this.#times,
      alerts: this.#alerts,
      notices: this.#notices.sort((a, b) => a.at - b.at).slice(-MAX_NOTICES),
      allNotices: this.#allNotices,
    }
  }

  #isWithin(at: number): boolean {
    return at >= this.#period.from && at < this.#period.to
  }

  #begin(facts: RecordFacts): void {
    const { solveId, at, reserved = 0 } = facts
    if (solveId === '') return
    const known = this.#open.get(solveId)
    if (known !== undefined) {
      // Written twice by a sink that failed after it had written; else an attempt before, whose end is not there.
      if (known.at === at) return
      this.#countOpen(known)
    }
    const recovered = this.#recovered.get(solveId)
    if (recovered !== undefined) {
      this.#recovered.delete(solveId)
      this.#count(recovered, this.#accountOf({ ...facts, key: facts.key || recovered.key }), true)
      return
    }
    this.#open.set(solveId, { at, account: this.#accountOf(facts), reserved })
    if (this.#open.size > MAX_OPEN) {
      const [[oldest, open] = []] = this.#open
      if (oldest !== undefined && open !== undefined) {
        this.#open.delete(oldest)
        this.#countOpen(open)
      }
    }
  }

  #end(facts: RecordFacts): void {
    const { solveId } = facts
    this.#open.delete(solveId)
    if (this.#endOf(taskOf(facts)) !== undefined) return
    const recovered = this.#recovered.get(solveId)
    if (recovered !== undefined && recovered.taskId === facts.taskId) {
      this.#recovered.delete(solveId)
      const cost = Math.min(recovered.cost ?? Number.POSITIVE_INFINITY, facts.cost ?? 0)
      this.#count({ ...facts, cost }, this.#accountOf(facts), false)
      return
    }
    this.#count(facts, this.#accountOf(facts), false)
  }

  #recover(facts: RecordFacts): void {
    const { solveId, cost = 0 } = facts
    const known = this.#endOf(taskOf(facts))
    if (known !== undefined) {
      // Its own process recorded the end and died, or two processes followed the task.
      const account = this.#accountList[known.account]
      if (account === undefined || cost >= known.cost) return
      this.#spend(account, known.at, cost - known.cost, facts.imputed)
      this.#ended[0]?.set(taskOf(facts), { ...known, cost })
      return
    }
    const open = this.#open.get(solveId)
    if (open !== undefined) {
      this.#open.delete(solveId)
      this.#count(facts, open.account, true)
      return
    }
    const waiting = this.#recovered.get(solveId)
    if (solveId === '' || (waiting && waiting.taskId !== facts.taskId) || this.#recovered.size >= MAX_OPEN) {
      this.#count(facts, this.#accountOf(facts), true)
    } else if (waiting === undefined || cost < (waiting.cost ?? 0)) this.#recovered.set(solveId, facts)
  }

  /** Counts a solve that has ended. */
  #count(facts: RecordFacts, account: Account, recovered: boolean): void {
    const { at, cost = 0, failed, action, durationMs, imputed, taskId } = facts
    const hasFailed = action === 'failed' || failed
    this.#ended[0]?.set(taskOf(facts), { cost, account: account.index, at })
    this.#spend(account, at, cost, imputed)
    if (recovered) this.#slot(account.guard, at, 'recovered', cost)
    if (!this.#isWithin(at)) return
    const took = taskId !== '' && !hasFailed && !recovered ? durationMs : undefined
    if (took !== undefined) this.#times.add(took)
    this.#buckets.ended(this.#buckets.indexOf(at), hasFailed, took)
    for (const sums of this.#sumsOf(account, at)) {
      if (hasFailed) sums.failed = plus(sums.failed, 1)
      else sums.solved = plus(sums.solved, 1)
    }
  }

  /** @param amount negative to correct what was counted */
  #spend(account: Account, at: number, amount: number, imputed: boolean): void {
    this.#slot(account.guard, at, 'spent', amount)
    if (!this.#isWithin(at)) return
    this.#buckets.spend(this.#buckets.indexOf(at), account.guard.guard, amount)
    for (const sums of this.#sumsOf(account, at)) {
      sums.spent = plus(sums.spent, amount)
      if (imputed) sums.imputed = plus(sums.imputed, amount)
    }
  }

  /** All sums that a solve is part of. */
  #sumsOf({ guard, groups }: Account, at: number): readonly MutableSums[] {
    if (at < this.#today.start || at >= this.#today.end) this.#today = this.#dayOf(at)
    return [this.#total, guard, ...groups, this.#today.sums]
  }

  /** The day of a moment of the period. To find out when a day begins in a zone takes longer than to read a record. */
  #dayOf(at: number): CountedDay {
    const { timeZone } = this.#options
    const utcDay = Math.floor(at / DAY_MS)
    const days = this.#days.get(utcDay) ?? []
    const known = days.find(({ start, end }) => at >= start && at < end)
    if (known) return known
    const day = { ...dayAt(timeZone, at), sums: this.#groups.day.group(isoDay(at, timeZone)) }
    this.#days.set(utcDay, [...days, day])
    return day
  }

  #countOpen({ at, account, reserved }: Open): void {
    this.#slot(account.guard, at, 'open', reserved)
    if (!this.#isWithin(at)) return
    for (const sums of this.#sumsOf(account, at)) {
      sums.open = plus(sums.open, 1)
      sums.openReserved = plus(sums.openReserved, reserved)
    }
  }

  #deny(facts: RecordFacts): void {
    const { at, layer, code, count: times } = facts
    if (!this.#isWithin(at)) return
    const account = this.#accountOf(facts)
    this.#buckets.denied(this.#buckets.indexOf(at), layer, times)
    count(this.#denials, `${layer}\n${code}`, times, MAX_CODES)
    for (const sums of this.#sumsOf(account, at)) {
      sums.denied = plus(sums.denied, times)
    }
  }

  #notice(facts: RecordFacts, action: Notice['action']): void {
    const { at, code, message, solver, subject, guard } = facts
    if (!this.#isWithin(at)) return
    if (action === 'alert') {
      this.#buckets.alerted(this.#buckets.indexOf(at), code)
      count(this.#alerts, code, 1, MAX_CODES)
    }
    this.#allNotices++
    this.#notices.push({
      ...{ at, action, guard: printable(guard, 201), code: printable(code), message: printable(message, 501) },
      about: printable(subject || solver, 201),
    })
    if (this.#notices.length >= 2 * MAX_NOTICES) {
      this.#notices = this.#notices.sort((a, b) => a.at - b.at).slice(-MAX_NOTICES)
    }
  }

  #slot(guard: MutableGuard, at: number, field: keyof SlotSums, amount: number): void {
    const { now } = this.#options
    if (amount === 0 || at < now - SLOTS_MS || at > now + HOUR_MS) return
    const index = slotOf(DAY, at)
    let slot = guard.slots.get(index)
    if (slot === undefined) {
      slot = { spent: 0, recovered: 0, open: 0 }
      guard.slots.set(index, slot)
    }
    slot[field] = plus(slot[field], amount)
  }

  #endOf(task: string) {
    for (const ended of this.#ended) {
      const known = ended.get(task)
      if (known !== undefined) return known
    }
    return undefined
  }

  #accountOf(facts: RecordFacts): Account {
    const { guard, subject, origin, family, key, token, solver } = facts
    const id = `${guard}\n${subject}\n${origin}\n${family}\n${key}\n${token}\n${solver}`
    const known = this.#accounts.get(id)
    if (known !== undefined) return known
    const isRest = this.#accounts.size >= MAX_ACCOUNTS
    const names = { subject, origin, family, key, token, solver }
    const groups = DIMENSIONS.flatMap((name) => (name === 'day' ? [] : [this.#groups[name].group(names[name])]))
    // What is above the bound is not remembered: it can be counted, and not be corrected.
    const account = { index: isRest ? -3 : this.#accountList.length, guard: this.#guard(guard), groups }
    if (!isRest) {
      this.#accounts.set(id, account)
      this.#accountList.push(account)
    }
    return account
  }

  #guard(name: string): MutableGuard {
    const key = this.#guards.has(name) || this.#guards.size < MAX_GUARDS ? name : ''
    let guard = this.#guards.get(key)
    if (guard === undefined) {
      guard = { guard: key, ...noSums(), slots: new Map() }
      this.#guards.set(key, guard)
    }
    return guard
  }
}

/** Distinguishes tasks: a service may number its tasks anew. A submit whose outcome is unknown has no task. */
function taskOf({ solveId, taskId, solver, at }: RecordFacts): string {
  return taskId === '' ? `${solveId || solver} @${at}` : `${solveId || solver} ${taskId}`
}
