/** The guarded core: its public names. */
export type { AccountBudget, SolverAccount } from './accounts/options.js'
export { callbackHandler, callbackListener } from './callback-handler.js'
export type { CallbackInput } from './callbacks/options.js'
export { createGuard } from './create.js'
export { type ExplainPolicyOptions, explainPolicy } from './explain-policy.js'
export { formatStatus } from './format-status.js'
export type { Logger } from './observability/log.js'
export type { GuardOptions } from './options.js'
export type { LightGuardOptions } from './remote/options.js'
export type {
  Advice,
  AdviceOptions,
  AdviceReason,
  AuditStatus,
  BalanceStatus,
  BatchItem,
  BatchOptions,
  ChannelStatus,
  DayStatus,
  ExplainOptions,
  Grant,
  Guard,
  GuardEvents,
  HolderPause,
  IssuedToken,
  KeyStatus,
  KnownKey,
  LayerVerdict,
  LedgerStatus,
  MinuteStatus,
  NarrowOptions,
  PauseTarget,
  ProcessStatus,
  SlotStatus,
  Solution,
  SolveEvent,
  SolveOptions,
  SolverStatus,
  SolveStream,
  Status,
  StreamItem,
  StreamOptions,
  StreamResult,
  StreamSummary,
  TokenLinkStatus,
  TokenOptions,
  Verdict,
} from './types.js'
