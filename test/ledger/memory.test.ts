import { memoryLedger } from '../../src/ledger/memory.js'
import { ledgerContract } from './contract.js'

ledgerContract('the ledger in memory', async () => {
  const ledger = memoryLedger()
  return { ledger, other: ledger, close() {} }
})
