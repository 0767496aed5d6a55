import { describe, expect, it } from 'vitest'
import { copyAudit, isCopy } from '../../src/audit/copy.js'
import { fanOutAudit } from '../../src/audit/fan-out.js'
import type { AuditEvent, AuditSink } from '../../src/audit/sink.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { manualClock } from '../../src/testing/clock.js'
import { authorized, denied, NOON } from './events.js'

const ids = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ ...authorized, solveId: `s${from + index}` }))

describe('copyAudit', () => {
  it('writes in the background, in order, and has written everything when it is closed', async () => {
    const inner = memoryAudit()
    const copy = copyAudit(inner)
    await copy.open('checkout-tests', NOON)
    const events = ids(1_200)
    for (const event of events) expect(copy.write([event])).toBeUndefined()
    expect(inner.events).toHaveLength(0)
    await copy.close()
    expect(inner.events).toEqual(events)
  })

  it('blocks no solve while its sink fails, reports it once, and catches up', async () => {
    const inner = memoryAudit()
    const clock = manualClock()
    const copy = copyAudit(inner, { clock })
    const reports: string[] = []
    copy.onError?.((message) => reports.push(message))
    await copy.open('checkout-tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(3))
    await clock.advance(0)
    await copy.write(ids(3, 3))
    expect(reports).toEqual(['The copy to memory is behind: no route'])
    // The first retry, after 1 s, fails too, and so doubles the pause.
    await clock.advance(1_000)
    inner.failWith(undefined)
    await clock.advance(1_999)
    expect(inner.events).toHaveLength(0)
    await clock.advance(1)
    expect(inner.events).toEqual(ids(6))
    expect(reports.slice(1)).toEqual(['The copy to memory is written again.'])
    await copy.close()
    expect(clock.waiting).toBe(0)
  })

  it('keeps no more than maxPending records, and reports how many were lost', async () => {
    const inner = memoryAudit()
    const copy = copyAudit(inner, { maxPending: 10 })
    const reports: string[] = []
    copy.onError?.((message) => reports.push(message))
    await copy.open('checkout-tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(25))
    await copy.close()
    expect(reports.at(-1)).toBe('25 records never reached the copy to memory.')
  })

  it('waits 5 s at most for each call of a sink that hangs', async () => {
    const hanging: AuditSink = {
      kind: 'hanging',
      open: () => new Promise(() => {}),
      write: () => undefined,
      close() {},
    }
    const clock = manualClock()
    const copy = copyAudit(hanging, { clock })
    await copy.open('checkout-tests', NOON)
    await copy.write([denied])
    let isClosed = false
    const closed = Promise.resolve(copy.close()).then(() => {
      isClosed = true
    })
    await clock.advance(9_999)
    expect(isClosed).toBe(false)
    await clock.advance(1)
    await closed
  })

  /** A sink that counts what it is asked to do. */
  function counting() {
    const calls: string[] = []
    const written: (readonly AuditEvent[])[] = []
    const sink: AuditSink = {
      kind: 'counting',
      place: 'here',
      open: (guard, now) => void calls.push(`open ${guard} ${now}`),
      write: (events) => void written.push([...events]),
      close: () => void calls.push('close'),
    }
    return { calls, written, sink }
  }

  it('opens its sink at the first record only, writes 500 at a time, and may be opened again', async () => {
    const { calls, written, sink } = counting()
    const reports: string[] = []
    const copy = copyAudit(sink)
    copy.onError?.((message) => reports.push(message))
    expect(copy).toMatchObject({ kind: 'copy to counting', place: 'here' })
    await copy.close()
    await copy.open('tests', NOON)
    await copy.close()
    await copy.close()
    expect(calls).toEqual([])
    for (const now of [1, 2]) {
      await copy.open('tests', now)
      await copy.write(ids(1_100))
      await new Promise((resolve) => setImmediate(resolve))
      await copy.write(ids(1))
      await copy.close()
    }
    expect(calls).toEqual(['open tests 1', 'close', 'open tests 2', 'close'])
    expect(written.map((events) => events.length)).toEqual([500, 500, 100, 1, 500, 500, 100, 1])
    expect(reports).toEqual([])
  })

  it('counts what it has no capacity for, and writes what comes while it reports that it has caught up', async () => {
    const inner = memoryAudit()
    const { clock, kept } = watchedClock()
    const copy = copyAudit(inner, { maxPending: 10, clock })
    const reports: string[] = []
    copy.onError?.((message) => {
      reports.push(message)
      if (message.includes('again')) void copy.write(ids(1, 50))
    })
    await copy.open('tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(6))
    await clock.advance(0)
    await copy.write(ids(4, 6))
    await copy.write(ids(2, 10))
    inner.failWith(undefined)
    await clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(inner.events).toEqual([...ids(10), ...ids(1, 50)])
    expect(reports.at(-1)).toBe('The copy to memory is written again; 2 records never reached it.')
    await copy.close()
    // No timer of it keeps the process alive.
    expect(new Set(kept)).toEqual(new Set([false]))
  })

  it('tries nothing again after it was closed', async () => {
    const inner = memoryAudit()
    const clock = manualClock()
    const copy = copyAudit(inner, { clock })
    await copy.open('tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(1))
    await copy.close()
    expect(clock.waiting).toBe(0)
  })

  it('is made of an audit sink', () => {
    for (const sink of [undefined, null, {}, { write: true }])
      expect(() => copyAudit(sink as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('fanOutAudit', () => {
  it('needs at least one required sink', () => {
    expect(() => fanOutAudit([])).toThrow('has to be required')
    expect(() => fanOutAudit([copyAudit(memoryAudit())])).toThrow('has to be required')
    const sink = memoryAudit()
    expect(fanOutAudit([sink])).toBe(sink)
    expect(isCopy(sink)).toBe(false)
  })

  it('retries a record only at the sink that could not write it', async () => {
    const [first, second] = [memoryAudit(), memoryAudit()]
    const both = fanOutAudit([first, second])
    await both.open('checkout-tests', NOON)
    second.failWith(new Error('full'))
    const [one] = ids(1)
    if (one === undefined) throw new Error('no event')
    await expect((async () => both.write([one]))()).rejects.toThrow('full')
    second.failWith(undefined)
    await both.write([one, denied])
    expect(first.events).toEqual([one, denied])
    expect(second.events).toEqual([one, denied])
  })

  it('closes the sinks that it opened when another one does not open', async () => {
    const first = memoryAudit()
    const second = memoryAudit()
    second.failWith(new Error('full'))
    const both = fanOutAudit([first, second])
    await expect((async () => both.open('checkout-tests', NOON))()).rejects.toThrow('full')
    expect(() => first.write([denied])).toThrow('not open')
  })

  it('is one sink of the kinds and the places of all, with the first head, and all report', () => {
    const reports: string[] = []
    const sink = (kind: string, more: Partial<AuditSink> = {}): AuditSink => ({
      kind,
      open() {},
      write() {},
      close() {},
      ...more,
    })
    const head = { file: 'a.jsonl', seq: 1, hash: 'abc' }
    const both = fanOutAudit([
      sink('plain'),
      sink('chained', { place: '/a', head, onError: (report) => report('chained') }),
      sink('other', { place: '/b', head: { ...head, seq: 2 }, onError: (report) => report('other') }),
    ])
    expect(both).toMatchObject({ kind: 'plain and chained and other', place: 'plain, /a, /b', head })
    both.onError?.((message) => reports.push(message))
    expect(reports).toEqual(['chained', 'other'])
    expect(fanOutAudit([sink('one'), sink('two')]).head).toBeUndefined()
    // One that is required is enough.
    expect(fanOutAudit([copyAudit(sink('one')), sink('two')]).kind).toBe('copy to one and two')
  })

  it('waits for sinks that answer later, and fails with the first that fails', async () => {
    const first = memoryAudit()
    const written: (readonly AuditEvent[])[] = []
    let failure: Error | undefined
    const later: AuditSink = {
      kind: 'later',
      open() {},
      async write(events) {
        await Promise.resolve()
        if (failure) throw failure
        written.push(events)
      },
      async close() {
        throw new Error('cannot close')
      },
    }
    const both = fanOutAudit([first, later])
    await both.open('tests', NOON)
    const [one, two, three] = [ids(1), ids(1, 1), ids(1, 2)]
    await both.write(one)
    expect([first.events, written]).toEqual([one, [one]])
    failure = new Error('full')
    await expect(Promise.resolve(both.write(two))).rejects.toBe(failure)
    failure = undefined
    await both.write([...two, ...three])
    expect([first.events, written.flat()]).toEqual([
      [...one, ...two, ...three],
      [...one, ...two, ...three],
    ])
    await expect(Promise.resolve(both.close())).rejects.toThrow('cannot close')
    expect(() => first.write(one)).toThrow('not open')
  })
})

/** A manual clock, and for each of its timers whether it keeps the process alive. */
function watchedClock() {
  const clock = manualClock()
  const kept: (boolean | undefined)[] = []
  const after: typeof clock.after = (ms, call, keepAlive) => {
    kept.push(keepAlive)
    return clock.after(ms, call, keepAlive)
  }
  return { clock: { ...clock, after }, kept }
}
