import { expect, it } from 'vitest'
import { createMemoryLedger, memoryLedger } from '../../src/ledger/memory.js'
import { LedgerTime } from '../../src/ledger/time.js'
import { ledgerContract } from './contract.js'
import { latestClock } from './latest-clock.js'

ledgerContract('the ledger in memory', async () => {
  const { clock, watch } = latestClock()
  const ledger = watch(createMemoryLedger(new LedgerTime(() => clock.now())))
  return { ledger, other: ledger, close() {} }
})

it('a ledger in memory says what it is, and has no place', () => {
  const { kind, place } = memoryLedger()
  expect({ kind, place }).toEqual({ kind: 'memory', place: undefined })
})
