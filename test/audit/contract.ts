import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type AuditRecord, recordSchema } from '../../src/audit/schema.js'
import type { AuditSink } from '../../src/audit/sink.js'
import { DeniedError } from '../../src/base/errors.js'
import { anyEvent } from './arbitraries.js'
import { ACTIONS, authorized, denied, NOON } from './events.js'

/** One sink with its own place, for the contract test. */
export interface SinkUnderTest {
  readonly sink: AuditSink
  /** Everything that the place holds, but for what a sink writes about itself. */
  read(): Promise<readonly AuditRecord[]>
  /** Makes writing fail until `repairPlace`. */
  breakPlace(): Promise<void>
  repairPlace(): Promise<void>
  dispose(): Promise<void>
}

/** What every sink promises: `AuditSink` as tests. */
export function sinkContract(name: string, make: () => Promise<SinkUnderTest>): void {
  describe(`${name} keeps the promises of an audit sink:`, () => {
    let made: SinkUnderTest | undefined
    const fresh = async () => {
      made = await make()
      return made
    }
    afterEach(async () => {
      await made?.sink.close()
      await made?.dispose()
      made = undefined
    })

    it('writes every kind of event, in order, as records of the schema', async () => {
      const { sink, read } = await fresh()
      await sink.open('checkout-tests', NOON)
      for (const action of ACTIONS) await sink.write([{ ...authorized, action }])
      const records = await read()
      expect(records.map((record) => record.event.action)).toEqual(ACTIONS)
      for (const record of records) recordSchema.parse(record)
    })

    it('has written a batch when write is done, whole and in order', async () => {
      const { sink, read } = await fresh()
      await sink.open('checkout-tests', NOON)
      const batch = Array.from({ length: 500 }, (_, index) => ({ ...denied, solveId: `s${index}` }))
      await sink.write(batch)
      expect((await read()).map((record) => record.solveguard.solve_id)).toEqual(batch.map((event) => event.solveId))
    })

    it('writes nothing for an empty batch', async () => {
      const { sink, read } = await fresh()
      await sink.open('checkout-tests', NOON)
      await sink.write([])
      expect(await read()).toEqual([])
    })

    it('writes one record as one record, whatever a page or a service puts into its strings', async () => {
      const { sink, read } = await fresh()
      await sink.open('checkout-tests', NOON)
      let count = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 5 }), async (events) => {
          await sink.write(events)
          count += events.length
          const records = await read()
          expect(records).toHaveLength(count)
          for (const record of records.slice(-events.length)) recordSchema.parse(record)
        }),
        { numRuns: 50 },
      )
    })

    it('has the head of its chain after every write, or never', async () => {
      const { sink } = await fresh()
      await sink.open('checkout-tests', NOON)
      await sink.write([authorized])
      const first = sink.head
      await sink.write([authorized, denied])
      const second = sink.head
      expect(second === undefined).toBe(first === undefined)
      if (first && second) {
        expect(second.seq).toBe(first.seq + 2)
        expect(second.file).toBe(first.file)
        expect(second.hash).not.toBe(first.hash)
        await sink.close()
        expect(sink.head).toEqual({ ...second, end: 'whole' })
      }
    })

    it('denies, and writes nothing, while it cannot write, and continues once it can', async () => {
      const { sink, read, breakPlace, repairPlace } = await fresh()
      await sink.open('checkout-tests', NOON)
      await sink.write([{ ...authorized, solveId: 'before' }])
      await breakPlace()
      const failed = await errorOf(() => sink.write([{ ...authorized, solveId: 'meanwhile' }, denied]))
      expect(failed).toBeInstanceOf(DeniedError)
      expect(failed).toMatchObject({ code: 'AUDIT_UNAVAILABLE', layer: 'audit' })
      await repairPlace()
      await sink.write([{ ...authorized, solveId: 'after' }])
      expect((await read()).map((record) => record.solveguard.solve_id)).toEqual(['before', 'after'])
    })

    it('denies before it is opened and after it was closed', async () => {
      const { sink } = await fresh()
      expect(await errorOf(() => sink.write([authorized]))).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
      await sink.open('checkout-tests', NOON)
      await sink.close()
      expect(await errorOf(() => sink.write([authorized]))).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    })

    it('may be closed twice, and opened again', async () => {
      const { sink, read } = await fresh()
      await sink.open('checkout-tests', NOON)
      await sink.write([{ ...authorized, solveId: 'one' }])
      await sink.close()
      await sink.close()
      await sink.open('checkout-tests', NOON)
      await sink.write([{ ...authorized, solveId: 'two' }])
      const ids = (await read()).map((record) => record.solveguard.solve_id)
      expect([...ids].sort()).toEqual(['one', 'two'])
    })
  })
}

async function errorOf(action: () => unknown): Promise<unknown> {
  try {
    await action()
  } catch (error) {
    return error
  }
  return undefined
}
