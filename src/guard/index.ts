/** The guarded core: its public names. */
export type { AccountBudget, SolverAccount } from './account-options.js'
export type { Logger } from './core.js'
export { createGuard, type GuardOptions } from './create.js'
export type { KnownKey } from './key-report.js'
export type { ChannelStatus } from './outbox.js'
export type {
  BatchItem,
  BatchOptions,
  Grant,
  Guard,
  GuardEvents,
  KeyStatus,
  NarrowOptions,
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
