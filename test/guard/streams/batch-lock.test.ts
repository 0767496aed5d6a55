import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect, it } from 'vitest'
import { BatchLock } from '../../../src/guard/streams/batch-lock.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'
import { errorOf, settleWith } from '../support.js'

/** A process id that no process has. */
const NO_PID = 99_999_999

/** Locks of one batch over one ledger: of guards of this process, or of killed processes. */
async function setUpLocks() {
  const clock = manualClock()
  const ledger = memoryLedger()
  await ledger.open()
  let count = 0
  const guard = (pid = process.pid) => {
    const background = (work: () => Promise<unknown>): void => void work().catch(() => {})
    const core = { name: 'tests', ownerId: `${pid}-${++count}`, clock, ledger, closed: false, background }
    return {
      core,
      lock: new BatchLock(core, 'b'),
      another: () => new BatchLock(core, 'b'),
    }
  }
  /** Takes the lock as a process of this machine that is then killed: it sends no further heartbeat. */
  const lockAndKill = async (): Promise<void> => {
    const { core, lock } = guard(NO_PID)
    await lock.acquire()
    core.closed = true
  }
  return { clock, ledger, guard, lock: () => guard().lock, killed: lockAndKill }
}

it.each(['still works on it', 'has released it'])(
  'a process that was suspended loses the batch to the process that took it, and that %s',
  async (how) => {
    const { clock, lock, killed: lockAndKill } = await setUpLocks()
    await lockAndKill()
    const [asleep, other] = [lock(), lock()]
    // At once: the process that held the lock is known to be dead.
    await asleep.acquire()
    // No timer fires meanwhile.
    clock.set(clock.now() + 20_000)
    await other.acquire()
    if (how === 'has released it') await other.release()
    await clock.advance(11_000)
    expect([asleep.lost.aborted, other.lost.aborted]).toEqual([true, false])
    if (how === 'has released it') return
    expect(await errorOf(lock().acquire())).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    await other.release()
  },
)

it('one of several concurrent locks acquires a batch, and another one can after its release', async () => {
  const { clock, lock, killed: lockAndKill } = await setUpLocks()
  await lockAndKill()
  const locks = [lock(), lock(), lock()]
  const taken = await settleWith(clock, Promise.allSettled(locks.map((one) => one.acquire())))
  expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  await locks[taken.findIndex(({ status }) => status === 'fulfilled')]?.release()
  const next = lock()
  await next.acquire()
  await clock.advance(60_000)
  expect(next.lost.aborted).toBe(false)
  await next.release()
})

it('a live process on another machine of the same name is not mistaken for dead', async () => {
  const { clock, ledger, lock } = await setUpLocks()
  const ownerId = `${hostname()}:${process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : ''}:${NO_PID}-x`
  const fact = (name: string, value: string) =>
    ledger.setFact({ scope: 'batch-lock:tests/b', name, value, ttlMs: 15_000 }, clock.now())
  await fact('turn/1', ownerId)
  await fact(`here/${createHash('sha256').update(ownerId).digest('hex').slice(0, 32)}`, '')
  const refused = errorOf(lock().acquire())
  for (let beat = 0; beat < 3; beat++) {
    await clock.advance(1_000)
    await fact(`here/${createHash('sha256').update(ownerId).digest('hex').slice(0, 32)}`, '')
  }
  await clock.advance(1_000)
  expect(await settleWith(clock, refused)).toMatchObject({ code: 'BATCH_UNDER_WAY' })
})

it('the ledger keeps one fact for a batch, whatever the number of its acquisitions', async () => {
  const { clock, ledger, lock, killed: lockAndKill } = await setUpLocks()
  for (let i = 0; i < 5; i++) {
    await lockAndKill()
    const next = lock()
    await next.acquire()
    await next.release()
  }
  expect(await ledger.listFacts('batch-lock:tests/b', clock.now() + 60_000)).toHaveLength(1)
})

it('two streams of one guard do not both acquire one batch', async () => {
  const { clock, guard } = await setUpLocks()
  const { lock, another } = guard()
  const taken = await settleWith(clock, Promise.allSettled([lock.acquire(), another().acquire()]))
  expect(taken.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  await clock.advance(20_000)
  expect(lock.lost.aborted).toBe(false)
})

it('a process sends heartbeats again after the ledger failed for a moment, and keeps the lock', async () => {
  const { clock, ledger, lock } = await setUpLocks()
  const held = lock()
  await held.acquire()
  const { listFacts: recall } = ledger
  ledger.listFacts = () => {
    throw new Error('the disk is full')
  }
  await clock.advance(6_000)
  ledger.listFacts = recall.bind(ledger)
  await clock.advance(60_000)
  expect(held.lost.aborted).toBe(false)
  expect(await errorOf(lock().acquire())).toMatchObject({ code: 'BATCH_UNDER_WAY' })
})

it('another copy of the package in this process, as in a worker thread, is not mistaken for dead', async () => {
  const { clock, guard } = await setUpLocks()
  const copy = '../../../src/guard/streams/batch-lock.js?copy'
  const { BatchLock: CopiedLock }: typeof import('../../../src/guard/streams/batch-lock.js') = await import(copy)
  const held = new CopiedLock(guard().core, 'b')
  await held.acquire()
  expect(await settleWith(clock, errorOf(guard().lock.acquire()))).toMatchObject({ code: 'BATCH_UNDER_WAY' })
  await clock.advance(6_000)
  expect(held.lost.aborted).toBe(false)
  await held.release()
  await guard().lock.acquire()
})

it('is confirmed without the ledger while its heartbeats are stored, and by one call where they are late', async () => {
  const { clock, ledger, lock } = await setUpLocks()
  const held = lock()
  await held.acquire()
  let calls = 0
  const { listFacts } = ledger
  ledger.listFacts = (...args) => {
    calls++
    return listFacts.apply(ledger, args)
  }
  expect(held.confirm()).toBeUndefined()
  expect(calls).toBe(0)
  clock.set(clock.now() + 14_000)
  await Promise.all([held.confirm(), held.confirm()])
  expect(calls).toBe(1)
  expect(held.confirm()).toBeUndefined()
  await held.release()
})
