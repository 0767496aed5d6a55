import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileLedger } from '../../src/ledger/file.js'
import { ledgerContract } from './contract.js'

ledgerContract('the ledger in a file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-ledger-'))
  const ledger = fileLedger({ dir })
  const other = fileLedger({ dir })
  await ledger.open()
  await other.open()
  return {
    ledger,
    other,
    async close() {
      await ledger.close()
      await other.close()
      rmSync(dir, { recursive: true })
    },
  }
})
