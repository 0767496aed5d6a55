import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { type TimeoutOptions, waitAtMost, withTimeout } from '../../src/base/timeout.js'
import { manualClock } from '../../src/testing/clock.js'

class LateError extends Error {}

const never = new Promise<never>(() => {})

function deferred<T>() {
  let settle: { resolve: (value: T) => void; reject: (reason: Error) => void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as NonNullable<typeof settle>) }
}

describe('withTimeout', () => {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => void unhandled.push(reason)
  let clock = manualClock()
  const late = (more: Partial<TimeoutOptions> = {}): TimeoutOptions => ({
    clock,
    ms: 1_000,
    error: () => new LateError('late'),
    ...more,
  })

  beforeEach(() => {
    clock = manualClock()
    unhandled.length = 0
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(() => {
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })

  it('resolves with what the work resolves with', async () => {
    expect(await withTimeout(Promise.resolve(7), late())).toBe(7)
    expect(clock.waiting).toBe(0)
  })

  it('rejects with what the work rejects with', async () => {
    const reason = new Error('no')
    await expect(withTimeout(Promise.reject(reason), late())).rejects.toBe(reason)
    expect(clock.waiting).toBe(0)
  })

  it("rejects with the caller's error once the time is over", async () => {
    const waited = withTimeout(never, late()).catch((error: unknown) => error)
    await clock.advance(999)
    expect(clock.waiting).toBe(1)
    await clock.advance(1)
    expect(await waited).toBeInstanceOf(LateError)
    expect(clock.waiting).toBe(0)
  })

  it('ignores a rejection that follows the time-out', async () => {
    const work = deferred<void>()
    const waited = withTimeout(work.promise, late()).catch((error: unknown) => error)
    await clock.advance(1_000)
    work.reject(new Error('too late'))
    expect(await waited).toBeInstanceOf(LateError)
    await clock.advance(0)
  })

  it('keeps its own error where making it stops the work', async () => {
    const abort = new AbortController()
    const work = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason))
    })
    const error = () => {
      abort.abort(new Error('stopped'))
      return new LateError()
    }
    const waited = withTimeout(work, late({ error, signal: abort.signal })).catch((reason: unknown) => reason)
    await clock.advance(1_000)
    expect(await waited).toBeInstanceOf(LateError)
  })

  it("rejects with the signal's reason", async () => {
    const abort = new AbortController()
    const waited = withTimeout(never, late({ signal: abort.signal })).catch((error: unknown) => error)
    const reason = new Error('enough')
    abort.abort(reason)
    expect(await waited).toBe(reason)
    expect(clock.waiting).toBe(0)
  })

  it('rejects at once for a signal that is aborted already', async () => {
    const abortError = () => new LateError('aborted')
    const failing = Promise.reject(new Error('not seen'))
    await expect(withTimeout(failing, late({ signal: AbortSignal.abort(), abortError }))).rejects.toThrow('aborted')
    expect(clock.waiting).toBe(0)
  })

  it('hands keepAlive to the clock, true by default', () => {
    const asked: (boolean | undefined)[] = []
    const noting: Clock = {
      ...clock,
      after: (_ms, _callback, keepAlive) => {
        asked.push(keepAlive)
        return () => {}
      },
    }
    void withTimeout(never, late({ clock: noting }))
    void withTimeout(never, late({ clock: noting, keepAlive: false }))
    expect(asked).toEqual([true, false])
  })

  it('settles exactly once with the earliest outcome, and leaves no timer and no listener', async () => {
    const moment = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        moment,
        fc.boolean(),
        moment,
        fc.integer({ min: 1, max: 20 }),
        async (settlesAt, succeeds, abortsAt, ms) => {
          const clock = manualClock()
          const abort = new AbortController()
          const { signal } = abort
          const work = deferred<string>()
          const settle = () => (succeeds ? work.resolve('resolved') : work.reject(new Error('rejected')))
          // Set before the time-out's own timer: at the same moment they are first.
          if (settlesAt !== undefined) clock.after(settlesAt, settle)
          if (abortsAt !== undefined) clock.after(abortsAt, () => abort.abort())
          let errors = 0
          let outcomes: string[] = []
          void withTimeout(work.promise, {
            clock,
            ms,
            signal,
            error: () => new Error(`late ${++errors}`),
            abortError: () => new Error(`aborted ${++errors}`),
          }).then(
            (value) => outcomes.push(value),
            (error: Error) => outcomes.push(error.message),
          )
          await clock.advance(20)

          const expected: [number, string][] = [[ms, 'late 1']]
          if (abortsAt !== undefined) expected.unshift([abortsAt, 'aborted 1'])
          if (settlesAt !== undefined) expected.unshift([settlesAt, succeeds ? 'resolved' : 'rejected'])
          // A stable sort: at the same moment the order above holds.
          expected.sort(([one], [other]) => one - other)
          expect(outcomes).toEqual([expected[0]?.[1]])
          expect(errors).toBe(/late|aborted/.test(outcomes[0] ?? '') ? 1 : 0)
          expect(clock.waiting).toBe(0)
          expect(getEventListeners(signal, 'abort')).toEqual([])
          outcomes = []
          await clock.advance(100)
          expect(outcomes).toEqual([])
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('waitAtMost', () => {
  it('resolves once the work does, and leaves no timer', async () => {
    const clock = manualClock()
    const { promise, resolve } = deferred<number>()
    const waiting = waitAtMost(promise, clock, 1_000)
    resolve(1)
    await expect(waiting).resolves.toBeUndefined()
    expect(clock.waiting).toBe(0)
  })

  it('resolves once the time is over, whatever the work does later', async () => {
    const clock = manualClock()
    const { promise, reject } = deferred<number>()
    const waiting = waitAtMost(promise, clock, 1_000)
    await clock.advance(1_000)
    await expect(waiting).resolves.toBeUndefined()
    reject(new Error('too late'))
  })

  it('rejects as the work does', async () => {
    await expect(waitAtMost(Promise.reject(new LateError('now')), manualClock(), 1_000)).rejects.toThrow(LateError)
  })
})
