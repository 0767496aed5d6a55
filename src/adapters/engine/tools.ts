import type { Clock } from '../../base/clock.js'
import type { Grant } from '../../guard/types.js'
import type { Finder } from './finder.js'
import type { RefreshChallenge } from './geetest-challenge.js'
import type { NamedFrames } from './named-frames.js'

/** What the parts of the engine share, for one guarded context. */
export interface SolveTools {
  readonly grant: Grant
  readonly clock: Clock
  readonly finder: Finder
  /** Evaluates in frames that the policy names. */
  readonly frames: NamedFrames
  /** How long one call into a page may take, ms. */
  readonly evaluateMs: number
  readonly refreshChallenge: RefreshChallenge
}
