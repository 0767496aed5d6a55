/** The guarded core: its public names. */
export type { AccountBudget, SolverAccount } from './accounts/account-options.js'
export type { BalanceStatus } from './accounts/balance-watch.js'
export { createGuard, type GuardOptions } from './create.js'
export type { KnownKey } from './keys/key-report.js'
export type { Advice, AdviceOptions, AdviceReason } from './many/advise.js'
export type {
  AuditStatus,
  BatchItem,
  BatchOptions,
  DayStatus,
  Grant,
  Guard,
  GuardEvents,
  KeyStatus,
  NarrowOptions,
  ProcessStatus,
  Solution,
  SolveOptions,
  SolverStatus,
  SolveStream,
  Status,
  StreamItem,
  StreamOptions,
  StreamResult,
  StreamTally,
} from './types.js'
export type { Logger } from './watching/log.js'
export type { ChannelStatus } from './watching/outbox.js'
