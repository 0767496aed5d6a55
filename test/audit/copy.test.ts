import { describe, expect, it } from 'vitest'
import { copyAudit, isCopy } from '../../src/audit/copy.js'
import { fanOutAudit } from '../../src/audit/fan-out.js'
import type { AuditSink } from '../../src/audit/sink.js'
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
})
