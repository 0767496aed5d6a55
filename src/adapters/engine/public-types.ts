/** The types of the engine that every adapter's entry exports. */
export type { NotifyFailure } from '../../widgets/notify-failure.js'
export type { UnknownWidget, VendorEvidence } from '../../widgets/unknown.js'
export type { FoundChallenge } from '../../widgets/widget.js'
export type { AutoOptions, AutoResult, AutoSolving } from './auto.js'
export type { Captcha, CaptchaOptions } from './captcha.js'
export type { Found, MalformedWidget, Omitted } from './finder.js'
export type { GeetestChallengeProvider } from './geetest-challenge.js'
export type { GuardContextOptions } from './guard-driver.js'
export type { UnnamedFrame } from './named-frames.js'
export type { SolveGridOptions, SolveImageOptions } from './pictures.js'
export type {
  DeniedOutcome,
  FailedOutcome,
  Outcome,
  Skipped,
  SkippedOutcome,
  SkippedUnknown,
  SkipReason,
  SolvedOutcome,
  SolveResult,
} from './result.js'
export type { SolvePageOptions } from './solve-page.js'
export type { WaitForOptions } from './wait.js'
