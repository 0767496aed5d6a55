/** The core's public face: everything that needs no browser. */
export type {
  Answer,
  AnyChallenge,
  Challenge,
  ChallengeFacts,
  ChallengeInput,
  Family,
  GridChallenge,
  ImageChallenge,
  PictureChallenge,
  PictureFamily,
  TextHints,
  Variant,
  WidgetFamily,
} from './base/challenge.js'
export { type Clock, systemClock } from './base/clock.js'
export {
  CODES,
  type Code,
  type CodeInfo,
  DeniedError,
  type ErrorDetails,
  type Layer,
  SolveguardError,
} from './base/errors.js'
export * from './guard/index.js'
export type { PauseReason } from './ledger/ledger.js'
export type { CalendarAmount } from './policy/calendar.js'
export { type Duration, durationMs } from './policy/duration.js'
export { formatUsd, type Money, usd } from './policy/money.js'
export { narrow } from './policy/narrow.js'
export type { Schedule, ScheduleWindow } from './policy/schedule.js'
export {
  type BudgetInput,
  type BudgetPolicy,
  type DailyAmount,
  type EgressInput,
  type KeyInput,
  type NarrowingInput,
  type Policy,
  type PolicyInput,
  parseNarrowing,
  parsePolicy,
  type ScheduleInput,
} from './policy/schema.js'
