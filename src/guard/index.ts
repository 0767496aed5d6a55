/** The guarded core: its public names. */
export type { AccountBudget, SolverAccount } from './accounts/options.js'
export type { Advice, AdviceOptions, AdviceReason } from './advice/advise.js'
export type { BalanceStatus } from './balance/monitor.js'
export { createGuard, type GuardOptions } from './create.js'
export type { KnownKey } from './keys/report.js'
export type { Logger } from './observability/log.js'
export type { ChannelStatus } from './observability/outbox.js'
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
  StreamSummary,
} from './types.js'
