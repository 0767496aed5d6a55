/** The guarded core: its public names. */
export type { AccountBudget, SolverAccount } from './account-options.js'
export type { Advice, AdviceOptions, AdviceReason } from './advise.js'
export type { BalanceStatus } from './balance-watch.js'
export { createGuard, type GuardOptions } from './create.js'
export type { KnownKey } from './key-report.js'
export type { Logger } from './log.js'
export type { ChannelStatus } from './outbox.js'
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
