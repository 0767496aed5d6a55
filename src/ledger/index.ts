export { type FileLedgerOptions, fileLedger } from './file.js'
export type { Durability } from './journal.js'
export type * from './ledger.js'
export { type MemoryLedger, memoryLedger } from './memory.js'
export {
  type BudgetUsage,
  type CountUsage,
  type DayUsage,
  type LedgerReader,
  type OpenLedgerOptions,
  openLedger,
} from './open.js'
export type { RedisClient } from './redis/server.js'
export { type RedisLedgerOptions, redisLedger } from './redis.js'
