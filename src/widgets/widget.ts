import type { z } from 'zod'
import type { Challenge, Variant, WidgetFamily } from '../base/challenge.js'

/** A widget that was found in a page: a challenge, and its state there. */
export interface FoundChallenge extends Challenge {
  /** Names the widget for the lifetime of its document. */
  readonly id: string
  /**
   * Another variant that the page shows just as well as `variant`: `enterprise-invisible` of an Enterprise widget that
   * was rendered invisibly and is executed with an action. It is taken for `enterprise-score`, which answers by itself,
   * until its challenge opens.
   */
  readonly ambiguousWith?: Variant | undefined
  /** Whether a person can see it, after scrolling where that is possible. An invisible widget never is. */
  readonly visible: boolean
  /** Whether it already holds an answer. */
  readonly answered: boolean
  /** Whether the page has executed it and waits for it: `execute` was called, or its challenge is open. */
  readonly executed: boolean
  /** Whether a person would have to solve it now: visible and unanswered, or executed. */
  readonly due: boolean
  /** Whether a solution was injected and expired before the page used it. */
  readonly expired: boolean
  /** Set if the page could not load its vendor's script (an ad blocker, a policy, the network): it is never due. */
  readonly blocked?: true | undefined
  /**
   * Set if it is a copy of another widget, which the page's code made by `cloneNode` or `innerHTML`, with the answer in
   * it. The vendor's script does not know it and nothing would use an answer: it is never due, and never answered.
   */
  readonly copy?: true | undefined
  /**
   * Set for a reCAPTCHA v3 whose `execute` was there before the guard watched it: the page may have called it and have
   * its answer, which nothing could hold. Unset once the page calls it again.
   */
  readonly unheld?: true | undefined
}

/** What a family reads from the page's facts: the challenge, and its state. */
export interface Reading {
  readonly challenge: Omit<Challenge, 'family' | 'pageUrl' | 'frameUrl'>
  readonly ambiguousWith?: Variant | undefined
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  readonly unheld?: boolean | undefined
  readonly due: boolean
  readonly details?: WidgetDetails | undefined
}

/**
 * What a page has of a widget beside what a solver needs: for callers that show it in another program's shapes.
 * Reported by the page, and checked for its length only.
 */
export interface WidgetDetails {
  /** Whether its challenge is open. */
  readonly challenged: boolean
  /** The vendor's number of it. */
  readonly widgetId: number | undefined
  /** The name of the frame in which the vendor draws it. */
  readonly frameName: string | undefined
  /** The name of the page's callback; `anonymous` for a function without one. */
  readonly callback: string | undefined
  readonly size: string | undefined
  readonly theme: string | undefined
  /** Whether the page has a field for its answer. */
  readonly hasField: boolean
  /** Whether there is a frame for its challenge, shown or not. */
  readonly hasChallengeFrame: boolean
  /** Whether what the vendor draws is inside the viewport. */
  readonly inViewport: boolean
}

/** What a widget needs before it has an answer. */
export type Interaction =
  /** A person has to solve it. */
  | 'interactive'
  /** Once executed, it may pass by itself within the grace. */
  | 'may-pass'
  /** It always answers by itself; the policy decides whether that answer is good enough. */
  | 'passive'
  /** Once started, the browser computes the answer: nothing is spent, and no solver is called. */
  | 'proof-of-work'

/** A check for every property that the page reports, so that none is forgotten and none is checked for in vain. */
export type Shape<Reported> = { readonly [Name in keyof Required<Reported>]: z.ZodType<Reported[Name]> }

/**
 * The Node half of one family of widgets. The page half is in the family's folder `page/`. Nothing that the page
 * reports is used before `shape` has checked it.
 */
export interface Widget<Raw = unknown> {
  readonly family: WidgetFamily
  /** The bounds of everything that the page reports; an entry that does not fit is dropped, and counted. */
  readonly shape: z.ZodType<Raw>
  /** Reads the checked facts. */
  read(raw: Raw): Reading
  /** Whether an address is of one of the vendor's own frames: evidence of a widget, and never searched. */
  isVendorFrame(url: URL): boolean
  interaction(
    challenge: Pick<Challenge, 'variant'> & Partial<Pick<FoundChallenge, 'executed' | 'visible'>>,
  ): Interaction
  /**
   * The fields that an answer must have: all of one of these lists.
   *
   * @default the token alone is an answer
   */
  readonly fields?: readonly (readonly string[])[]
  /** For how long a token is valid, ms. */
  readonly tokenLifetimeMs: number
}
