import { describe, expect, it } from 'vitest'
import { copyAudit, isCopy } from '../../src/audit/copy.js'
import { fanOutAudit } from '../../src/audit/fan-out.js'
import type { AuditSink } from '../../src/audit/sink.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { eventually } from '../adapters/tool.js'
import { authorized, denied, NOON } from './events.js'

const ids = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ ...authorized, solveId: `s${from + index}` }))

describe('copyAudit', () => {
  it('writes behind, in order, and has written all when it is closed', async () => {
    const inner = memoryAudit()
    const copy = copyAudit(inner)
    await copy.open('checkout-tests', NOON)
    const events = ids(1_200)
    for (const event of events) expect(copy.write([event])).toBeUndefined()
    expect(inner.events).toHaveLength(0)
    await copy.close()
    expect(inner.events).toEqual(events)
  })

  it('holds nothing up while its sink fails, says so once, and catches up', async () => {
    const inner = memoryAudit()
    const copy = copyAudit(inner)
    const told: string[] = []
    copy.onError?.((message) => told.push(message))
    await copy.open('checkout-tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(3))
    await eventually(() => told.length > 0)
    await copy.write(ids(3, 3))
    inner.failWith(undefined)
    await eventually(() => inner.events.length === 6)
    await eventually(() => told.length === 2)
    expect(told[0]).toContain('is behind: no route')
    expect(told[1]).toContain('is written again')
    expect(inner.events).toEqual(ids(6))
    await copy.close()
  })

  it('keeps no more than it may, and says how many were lost', async () => {
    const inner = memoryAudit()
    const copy = copyAudit(inner, { maxPending: 10 })
    const told: string[] = []
    copy.onError?.((message) => told.push(message))
    await copy.open('checkout-tests', NOON)
    inner.failWith(new Error('no route'))
    await copy.write(ids(25))
    await copy.close()
    expect(told.at(-1)).toBe('25 records never reached the copy to memory.')
  })

  it('does not wait for ever for a sink that hangs', async () => {
    const hanging: AuditSink = {
      kind: 'hanging',
      open: () => new Promise(() => {}),
      write: () => undefined,
      close() {},
    }
    const copy = copyAudit(hanging)
    await copy.open('checkout-tests', NOON)
    await copy.write([denied])
    await copy.close()
  }, 20_000)
})

describe('fanOutAudit', () => {
  it('wants one that is required', () => {
    expect(() => fanOutAudit([])).toThrow('has to be required')
    expect(() => fanOutAudit([copyAudit(memoryAudit())])).toThrow('has to be required')
    const sink = memoryAudit()
    expect(fanOutAudit([sink])).toBe(sink)
    expect(isCopy(sink)).toBe(false)
  })

  it('hands a record that one of them could not write to that one alone', async () => {
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

  it('closes what it had opened when one of them does not open', async () => {
    const first = memoryAudit()
    const second = memoryAudit()
    second.failWith(new Error('full'))
    const both = fanOutAudit([first, second])
    await expect((async () => both.open('checkout-tests', NOON))()).rejects.toThrow('full')
    expect(() => first.write([denied])).toThrow('not open')
  })
})
