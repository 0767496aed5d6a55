import { createMemoryLedger } from '../../src/ledger/memory.js'
import { LedgerTime } from '../../src/ledger/time.js'
import { ledgerContract } from './contract.js'
import { latestClock } from './latest-clock.js'

ledgerContract('the ledger in memory', async () => {
  const { clock, watch } = latestClock()
  const ledger = watch(createMemoryLedger(new LedgerTime(() => clock.now())))
  return { ledger, other: ledger, close() {} }
})
