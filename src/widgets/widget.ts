import type { z } from 'zod'
import type { Challenge, WidgetFamily } from '../base/challenge.js'

/** A widget that was found in a page: a challenge, and how it stands there. */
export interface FoundChallenge extends Challenge {
  /** Names the widget for as long as its document lives. */
  readonly id: string
  /** Whether a person would see it. Widgets that work unseen never are. */
  readonly visible: boolean
  /** Whether it holds an answer already. */
  readonly answered: boolean
  /** Whether the page has set it off and waits for it: `execute` was called, or its challenge is open. */
  readonly executed: boolean
  /** Whether a person would now have to deal with it: visible and unanswered, or set off. */
  readonly due: boolean
  /** Whether a solution was put in that nothing used before it was too old. */
  readonly expired: boolean
}

/** What became of the page's side: the challenge's own facts, and how it stands. */
export interface Reading {
  readonly challenge: Omit<Challenge, 'family' | 'pageUrl' | 'frameUrl'>
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  readonly due: boolean
}

/** How a found widget is dealt with. */
export type Interaction =
  /** A person has to deal with it. */
  | 'interactive'
  /** It was set off, and may pass by itself within the grace. */
  | 'may-pass'
  /** It always answers by itself; whether that will do is for the policy to say. */
  | 'passive'
  /** A proof of work: the browser works the answer out once it is set off, for nothing, and no solver is asked. */
  | 'proof-of-work'

/**
 * One family of widgets, on this side of the wire. Its other half runs inside the page (`page/`). What the page says is
 * only ever seen through `shape`.
 */
export interface Widget<Raw = unknown> {
  readonly family: WidgetFamily
  /** The bounds that everything the page says is checked against; what does not fit is dropped, and counted. */
  readonly shape: z.ZodType<Raw>
  /** What the checked facts mean. */
  read(raw: Raw): Reading
  /** Whether an address is that of one of the vendor's own frames: a sign of a widget, and never looked into. */
  isVendorFrame(url: URL): boolean
  interaction(
    challenge: Pick<Challenge, 'variant'> & Partial<Pick<FoundChallenge, 'executed' | 'visible'>>,
  ): Interaction
  /** The fields without which an answer is none: all of one of these lists. Default: the token alone will do. */
  readonly fields?: readonly (readonly string[])[]
  /** How long a token can be used, ms. */
  readonly tokenLifetimeMs: number
}
