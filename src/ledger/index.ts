export { type FileLedgerOptions, fileLedger } from './file.js'
export type * from './ledger.js'
export { type MemoryLedger, memoryLedger } from './memory.js'
