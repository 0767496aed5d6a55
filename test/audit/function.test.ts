import { describe, expect, it } from 'vitest'
import { notOpen, unavailable, within } from '../../src/audit/errors.js'
import { functionAudit } from '../../src/audit/function.js'
import { toRecord } from '../../src/audit/record.js'
import { DeniedError } from '../../src/base/errors.js'
import { manualClock } from '../../src/testing/clock.js'
import { authorized, NOON } from './events.js'

describe('functionAudit', () => {
  it('is named as its function is, and passes on no empty batch', async () => {
    const batches: unknown[] = []
    const insert = (records: unknown) => void batches.push(records)
    const sink = functionAudit(insert)
    expect(sink).toMatchObject({ kind: 'function', place: 'insert' })
    expect(functionAudit((() => () => {})()).place).toBe('function')
    await sink.open('tests', NOON)
    await sink.write([])
    await sink.write([authorized])
    expect(batches).toEqual([[toRecord(authorized)]])
  })

  it('takes a function', () => {
    for (const write of [undefined, {}, 'insert'])
      expect(() => functionAudit(write as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('an audit log that cannot be written', () => {
  it('denies with its cause, unless the cause is such a denial', () => {
    const cause = new Error('full')
    const denial = unavailable('x', cause, 'Free space')
    expect(denial).toMatchObject({ code: 'AUDIT_UNAVAILABLE', layer: 'audit', cause })
    expect(denial.message).toBe('The audit log x cannot be written (full). Free space; until then nothing is solved.')
    expect(unavailable('y', denial, 'Free space')).toBe(denial)
    expect(notOpen('x')).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    for (const other of [new DeniedError('LEDGER_UNAVAILABLE', 'Full.'), { code: 'AUDIT_UNAVAILABLE' }]) {
      expect(unavailable('x', other, 'Free space')).toMatchObject({ code: 'AUDIT_UNAVAILABLE', cause: other })
    }
  })

  it('is waited for as long as is said, by a timer that keeps no process alive', async () => {
    const clock = manualClock()
    const kept: (boolean | undefined)[] = []
    const after: typeof clock.after = (ms, call, keepAlive) => {
      kept.push(keepAlive)
      return clock.after(ms, call, keepAlive)
    }
    const waiting = within(new Promise(() => {}), 5_000, { ...clock, after })
    const failed = expect(waiting).rejects.toMatchObject({ message: 'no answer within 5 s' })
    await clock.advance(5_000)
    await failed
    expect(kept).toEqual([false])
  })
})
