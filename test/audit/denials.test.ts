import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDenialLog } from '../../src/audit/denials.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { manualClock } from '../../src/testing/clock.js'
import { denied } from './events.js'

/** A log of denials over a list of batches. */
function recorder(options: { readonly maxKinds?: number } = {}) {
  const clock = manualClock()
  const batches: (readonly AuditEvent[])[] = []
  const errors: { error: unknown; pending: number }[] = []
  let failure: Error | undefined
  const log = createDenialLog({
    clock,
    ...options,
    write: (events) => {
      if (failure) throw failure
      batches.push(events)
    },
    onError: (error, pending) => errors.push({ error, pending }),
  })
  const fail = (error: Error | undefined) => {
    failure = error
  }
  return { clock, batches, errors, log, fail }
}

describe('createDenialLog', () => {
  it('writes the first of each kind at once, and others within the interval, in one batch', async () => {
    const { clock, batches, log } = recorder()
    const other = { ...denied, code: 'OUTSIDE_SCHEDULE' }
    log.add(denied)
    log.add(other)
    expect(batches).toEqual([[denied], [other]])
    expect(log.pending).toBe(0)
    log.add(denied)
    log.add(other)
    await clock.advance(999)
    expect(log.pending).toBe(2)
    await clock.advance(1)
    expect(batches.slice(2)).toEqual([[denied, other]])
    expect(log.pending).toBe(0)
  })

  it('counts a flood that does not end in one record an interval, and writes the next one at once after a pause', async () => {
    const { clock, batches, log } = recorder()
    for (let count = 0; count < 30; count++) {
      log.add(denied)
      await clock.advance(100)
    }
    expect(batches.map(([event]) => event?.count)).toEqual([undefined, 9, 10, 10])
    await clock.advance(2_000)
    log.add(denied)
    expect(batches.at(-1)).toEqual([denied])
  })

  it('counts denials of one kind, with the first and last time, and the latest retryAt', async () => {
    const { clock, batches, log } = recorder()
    const start = clock.now()
    for (let count = 0; count < 500; count++) {
      log.add({ ...denied, at: clock.now(), retryAt: clock.now() + 60_000 })
      await clock.advance(1)
    }
    await log.flush()
    expect(batches).toEqual([
      [{ ...denied, at: start, retryAt: start + 60_000 }],
      [
        {
          ...denied,
          at: start + 1,
          count: 499,
          firstAt: start + 1,
          lastAt: start + 499,
          retryAt: start + 60_499,
        },
      ],
    ])
  })

  it.each([
    { code: 'KEY_TOO_OLD' },
    { page: 'https://elsewhere.example/' },
    { sitekey: 'other' },
    { path: ['checkout-tests', 'context-1'] },
    { path: ['checkout', '-tests'] },
    { path: undefined },
  ])('counts denials separately that differ in %o', async (difference) => {
    const { batches, log } = recorder()
    log.add(denied)
    log.add({ ...denied, ...difference })
    expect(batches).toHaveLength(2)
  })

  it('loses no denial of many different ones, in bounded memory', async () => {
    const { batches, log } = recorder({ maxKinds: 10 })
    for (let count = 0; count < 1000; count++) log.add({ ...denied, page: `https://example.com/${count}` })
    await log.flush()
    const written = batches.flat()
    expect(written).toHaveLength(11)
    expect(written.at(-1)).toMatchObject({ action: 'denied', guard: denied.guard, count: 990 })
    expect(written.at(-1)?.page).toBeUndefined()
  })

  it('has no timer once nothing is pending, and nothing is counted', async () => {
    const { clock, log } = recorder()
    expect(clock.waiting).toBe(0)
    log.add(denied)
    log.add(denied)
    expect(clock.waiting).toBe(1)
    await log.flush()
    await log.flush()
    expect(clock.waiting).toBe(0)
  })

  it('keeps what could not be written, reports it, and writes it once that works', async () => {
    const { clock, batches, errors, log, fail } = recorder()
    const error = new Error('disk full')
    fail(error)
    log.add(denied)
    log.add(denied)
    await clock.advance(1000)
    log.add(denied)
    await clock.advance(1000)
    expect(errors).toEqual([
      { error, pending: 1 },
      { error, pending: 2 },
      { error, pending: 3 },
    ])
    expect(log.pending).toBe(3)
    fail(undefined)
    await clock.advance(1000)
    expect(batches).toEqual([[expect.objectContaining({ count: 3 })]])
    expect(log.pending).toBe(0)
    await clock.advance(1000)
    expect(clock.waiting).toBe(0)
  })

  it('stays in bounded memory however long writing fails', async () => {
    const { clock, batches, log, fail } = recorder({ maxKinds: 5 })
    fail(new Error('disk full'))
    for (let round = 0; round < 50; round++) {
      for (let count = 0; count < 20; count++) log.add({ ...denied, page: `https://example.com/${round}/${count}` })
      await clock.advance(1000)
    }
    fail(undefined)
    await log.flush()
    expect(batches[0]).toHaveLength(6)
    expect(sum(batches)).toBe(1000)
  })

  it('waits for a running write, then writes what was added meanwhile', async () => {
    const finish: (() => void)[] = []
    const batches: (readonly AuditEvent[])[] = []
    const log = createDenialLog({
      clock: manualClock(),
      write: (events) =>
        new Promise<void>((resolve) => {
          batches.push(events)
          finish.push(resolve)
        }),
    })
    log.add(denied)
    log.add({ ...denied, code: 'KEY_TOO_OLD' })
    const flushed = log.flush()
    expect(batches).toHaveLength(1)
    expect(log.pending).toBe(2)
    finish[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect(batches).toHaveLength(2)
    finish[1]?.()
    await flushed
    expect(log.pending).toBe(0)
  })

  it('keeps what a rejected write did not write', async () => {
    const errors: unknown[] = []
    const log = createDenialLog({
      clock: manualClock(),
      write: () => Promise.reject(new Error('no answer')),
      onError: (error) => errors.push(error),
    })
    log.add(denied)
    await log.flush()
    expect(errors[0]).toEqual(new Error('no answer'))
    expect(log.pending).toBe(1)
  })

  it('does not retry after it was closed', async () => {
    const { clock, batches, log, fail } = recorder()
    fail(new Error('disk full'))
    log.add(denied)
    await log.close()
    log.add(denied)
    expect(clock.waiting).toBe(0)
    fail(undefined)
    await clock.advance(5_000)
    expect(batches).toEqual([])
    expect(log.pending).toBe(1)
  })

  it('keeps of a write that failed its first denial and the last one since', async () => {
    const answers: ((error?: Error) => void)[] = []
    const batches: (readonly AuditEvent[])[] = []
    const log = createDenialLog({
      clock: manualClock(),
      write: (events) =>
        new Promise<void>((resolve, reject) => {
          batches.push(events)
          answers.push((error) => (error ? reject(error) : resolve()))
        }),
    })
    const settled = () => new Promise((resolve) => setImmediate(resolve))
    const add = (at: number) => log.add({ ...denied, at })
    for (const at of [1, 2, 3]) add(at)
    answers[0]?.()
    await settled()
    void log.flush()
    add(4)
    answers[1]?.(new Error('full'))
    await settled()
    expect(log.pending).toBe(3)
    void log.flush()
    expect(batches.slice(1)).toEqual([
      [{ ...denied, at: 2, count: 2, firstAt: 2, lastAt: 3 }],
      [{ ...denied, at: 2, count: 3, firstAt: 2, lastAt: 4 }],
    ])
    answers[2]?.()
    await settled()
    // It works again: the first denial of another kind is written at once.
    log.add({ ...denied, code: 'KEY_TOO_OLD' })
    expect(batches.at(-1)).toMatchObject([{ code: 'KEY_TOO_OLD' }])
    answers[3]?.()
    await settled()
    expect(log.pending).toBe(0)
  })

  it('tries no further write at once while it fails, and writes nothing where nothing is pending', async () => {
    const { batches, errors, log, fail } = recorder()
    await log.flush()
    expect(batches).toEqual([])
    fail(new Error('full'))
    log.add(denied)
    log.add({ ...denied, code: 'KEY_TOO_OLD' })
    expect([errors.length, log.pending]).toEqual([1, 2])
  })

  it('needs neither a path nor a listener, and keeps no process alive', async () => {
    const kept: (boolean | undefined)[] = []
    const clock = manualClock()
    const after: typeof clock.after = (ms, call, keepAlive) => {
      kept.push(keepAlive)
      return clock.after(ms, call, keepAlive)
    }
    const log = createDenialLog({
      clock: { ...clock, after },
      write: () => {
        throw new Error('full')
      },
    })
    log.add({ action: 'denied', at: 0, guard: 'tests' })
    log.add({ action: 'denied', at: 0, guard: 'tests' })
    await log.flush()
    expect(log.pending).toBe(2)
    expect(new Set(kept)).toEqual(new Set([false]))
  })

  it('counts every denial exactly once, whatever fails in between', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 8 }) }) },
      fc.record({ works: fc.boolean() }),
      fc.record({ advance: fc.integer({ min: 1, max: 1500 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, batches, log, fail } = recorder({ maxKinds: 4 })
        let added = 0
        for (const step of steps) {
          if ('add' in step) {
            log.add({ ...denied, sitekey: `key${step.add}` })
            added++
          } else if ('works' in step) {
            fail(step.works ? undefined : new Error('disk full'))
          } else {
            await clock.advance(step.advance)
          }
          expect(sum(batches) + log.pending).toBe(added)
        }
        fail(undefined)
        await log.flush()
        expect(sum(batches)).toBe(added)
      }),
    )
  })
})

function sum(batches: readonly (readonly AuditEvent[])[]): number {
  return batches.flat().reduce((total, event) => total + (event.count ?? 1), 0)
}
