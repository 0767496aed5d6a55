import { existsSync, openSync, readdirSync, writeSync } from 'node:fs'
import type { SolveguardError } from '../../src/base/errors.js'
import type { BudgetClaim, Ledger } from '../../src/ledger/ledger.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'
import { type Money, micros } from '../../src/policy/money.js'
import { ledgerAt, type WorkPlace } from './place.js'

/**
 * A process that uses a ledger, for the tests that need several, or one that dies. Its work is JSON in its first
 * argument; its results are JSON lines on standard output.
 */
export type Work = WorkPlace &
  (
    | { readonly do: 'spend'; readonly path: readonly BudgetClaim[]; readonly times: number }
    | { readonly do: 'spend-until-killed'; readonly path: readonly BudgetClaim[]; readonly diary: string }
    | { readonly do: 'spend-until-refused'; readonly path: readonly BudgetClaim[] }
    | { readonly do: 'spend-through-errors'; readonly path: readonly BudgetClaim[]; readonly times: number }
    | { readonly do: 'open-unprivileged' }
    /** Opens it in a process that has loaded this shared object before. */
    | { readonly do: 'open-beside'; readonly library: string }
  )

/** What `spend-through-errors` writes at the end. */
export interface SpentThroughErrors {
  /** What it was granted, and had not given back. */
  readonly reserved: number
  /** What each call that failed was about, in order. */
  readonly errors: readonly (string | undefined)[]
  /** The files of the ledger's folder while it is open. */
  readonly files: readonly string[]
}

/** What `spend` and `spend-until-refused` write at the end. */
export interface Spent {
  readonly taken: number
  readonly denied: number
  readonly cost: number
  readonly alerts: number
  readonly error?: { readonly name: string; readonly code: string; readonly message: string } | undefined
}

const AMOUNT = 1_000
const me = `worker-${process.pid}`
const task = (id: string) => ({ solver: 'captchaai', taskId: id, keyVersion: 'v1', family: 'recaptcha' })

function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`)
}

async function spend(work: Extract<Work, { do: 'spend' | 'spend-until-refused' }>): Promise<void> {
  const ledger = ledgerAt(work)
  const sums = { taken: 0, denied: 0, cost: 0, alerts: 0 }
  const times = work.do === 'spend' ? work.times : 1_000_000
  try {
    await ledger.open()
    await ledger.register({ id: me, leaseMs: 30_000, declares: [] }, Date.now())
    for (let i = 0; i < times; i++) {
      const id = `${me}-${i}`
      const now = Date.now()
      const request = { id, ownerId: me, path: work.path, amount: AMOUNT as Money, deadline: now + 60_000 }
      const reserved = await ledger.reserve(request, now)
      if (!reserved.ok) {
        sums.denied++
        // Others want to settle.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 2))
        continue
      }
      sums.taken++
      sums.alerts += reserved.alerts.length
      if (i % 3 === 0) void ledger.attachTask(id, task(id))
      const cost = micros(Math.floor(Math.random() * AMOUNT))
      // Until this is answered it may or may not have been booked: what was reserved is then what counts at most.
      const settled = await ledger.settle({ reservationId: id, cost }, Date.now())
      if (!settled.settled) throw new Error('settled by another process')
      sums.cost += cost
    }
    await ledger.close()
    say(sums)
  } catch (error) {
    const { name, code, message } = error as Error & { code: string }
    say({ ...sums, error: { name, code, message } })
  }
}

/**
 * Solves at a pretended service until it is killed, and keeps a diary of what that service charges. The diary is
 * written before the ledger, as a real service would charge before.
 */
async function spendUntilKilled(work: Extract<Work, { do: 'spend-until-killed' }>): Promise<void> {
  const ledger = ledgerAt(work)
  await ledger.open()
  await ledger.register({ id: me, leaseMs: 20, declares: [] }, Date.now())
  const file = openSync(work.diary, 'a')
  say({ ready: true })
  // It must not run for ever if it is not killed.
  const latest = Date.now() + 20_000
  for (let i = 0; Date.now() < latest; i++) {
    try {
      await solveOnce(ledger, work.path, file, i)
    } catch (error) {
      // A server may be away for a while. What is not settled expires, and counts as spent.
      if ((error as { code?: string }).code !== 'LEDGER_UNAVAILABLE' || !('redis' in work)) throw error
    }
  }
}

async function solveOnce(ledger: Ledger, path: readonly BudgetClaim[], diary: number, i: number): Promise<void> {
  const id = `${me}-${i}`
  const now = Date.now()
  const request = { id, ownerId: me, path, amount: AMOUNT as Money, deadline: now + 40 }
  const reserved = await ledger.reserve(request, now)
  if (reserved.ok) {
    const cost = Math.floor(Math.random() * AMOUNT)
    writeSync(diary, `${cost}\n`)
    const noted = ledger.attachTask(id, task(id))
    if (noted instanceof Promise) noted.catch(() => {})
    if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
    await ledger.settle(
      { reservationId: id, cost: micros(cost), head: { file: me, seq: i + 1, hash: `${i}` } },
      Date.now(),
    )
  } else {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  if (i % 50 !== 0) return
  const budgetId = path[0]?.id ?? ''
  // What the dead have charged is not known here: it is held to be all that they had reserved.
  for (const claimed of await ledger.claim({ ownerId: me, solver: 'captchaai', budgetId, limit: 5 }, Date.now())) {
    await ledger.settle({ reservationId: claimed.reservationId, cost: claimed.amount }, Date.now())
  }
  await ledger.heartbeat(me, Date.now())
}

/** Goes on whatever fails. What was reserved and not settled counts as spent. */
async function spendThroughErrors(
  work: Extract<Work, { do: 'spend-through-errors' }> & { readonly dir: string },
): Promise<void> {
  const ledger = ledgerAt(work)
  const errors: (string | undefined)[] = []
  const tries = async <T>(call: () => T): Promise<Awaited<T> | undefined> => {
    try {
      return await call()
    } catch (error) {
      const { code, details } = error as SolveguardError
      errors.push(details?.error === undefined ? code : String(details.error))
      return undefined
    }
  }
  let reserved = 0
  await tries(() => ledger.open())
  for (let i = 0; i < work.times; i++) {
    const now = Date.now()
    const id = `${me}-${i}`
    const request = { id, ownerId: me, path: work.path, amount: AMOUNT as Money, deadline: now + 60_000 }
    if ((await tries(() => ledger.reserve(request, now)))?.ok) reserved += AMOUNT
    await tries(() => ledger.settle({ reservationId: id, cost: AMOUNT as Money }, now))
  }
  say({ reserved, errors, files: existsSync(work.dir) ? readdirSync(work.dir) : [] })
  await tries(() => ledger.close())
}

/** Tries to open a ledger as a user without special rights, whichever user runs the tests. */
async function openUnprivileged(work: Extract<Work, { do: 'open-unprivileged' }>): Promise<void> {
  await loadSqlite()
  if (process.getuid?.() === 0) process.setuid?.(65_534)
  await open(work)
}

async function open(work: Extract<Work, { do: 'open-unprivileged' | 'open-beside' }>): Promise<void> {
  if (work.do === 'open-beside') process.dlopen({ exports: {} }, work.library)
  try {
    await ledgerAt(work).open()
    say({ opened: true })
  } catch (error) {
    const { name, code, message } = error as Error & { code: string }
    say({ error: { name, code, message } })
  }
}

const work = JSON.parse(process.argv[2] ?? '') as Work
if (work.do === 'spend-until-killed') await spendUntilKilled(work)
else if (work.do === 'open-unprivileged') await openUnprivileged(work)
else if (work.do === 'open-beside') await open(work)
else if (work.do === 'spend-through-errors' && 'dir' in work) await spendThroughErrors(work)
else if (work.do !== 'spend-through-errors') await spend(work)
