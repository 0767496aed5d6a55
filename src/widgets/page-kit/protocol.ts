/**
 * What Node and the code inside a page send to each other: types only, and the one declaration of it. `calls.ts` writes
 * the calls, `page/main.ts` answers them, `parse.ts` checks the replies. A page can answer in the place of our code, so
 * these types describe what our code sends, not what Node may trust.
 */

/** The page's entry is a property of its window, under `Symbol.for` of this. */
export type WindowKey = 'solveguard'

/** Variables that the text around the init script declares. */
export interface InitScriptVariables {
  /** For how long calls that answer by themselves are held for a solution, ms; 0: not at all. */
  SOLVEGUARD_HOLD_MS: number
}

/** What Node can reach in a window. */
export interface PageEntry<Main extends PageApi = PageApi> {
  /** Finds widgets and injects solutions. Evaluated with the first call that needs it. */
  main?: Main
  /** Removes everything of ours from the page. */
  undo(): void
}

/** The calls that Node makes. Arguments and results pass as JSON text. */
export interface PageApi {
  /** All widgets of this frame. @returns a `FindReply`, or a `MissingReply` while families are missing */
  find(request: FindRequest): string
  /**
   * Draws a one-time pad, and keeps it until a solution that is sealed with it is injected.
   *
   * @param length how many numbers it has
   * @returns a `PadReply`
   */
  pad(length: number): string
  /** Injects a solution, and calls the page's callback for it in a task of its own. @returns a `ResultReply` */
  inject(id: string, solution: SealedSolution): string
  /**
   * Calls the page's callback for a solution that was injected, unless its task has run: in a page that is not shown,
   * tasks are late.
   *
   * @returns a `NotifyReply`
   */
  notifyPage(id: string): string
  /** No solution will come for this widget: releases the calls that were held for it. @returns a `ResultReply` */
  release(id: string): string
  /**
   * The progress of a proof-of-work widget, which is started first if `start` is true.
   *
   * @returns a `ProofOfWorkProgress`, or a `ResultReply` where there is no such widget
   */
  proofOfWork(id: string, start: boolean): string
  /** Whether a person can see the frame in an element of this document, as far as its own origin knows. */
  seesFrame(element: Element): boolean
  /** Waits until `find` would reply something else, for at most `ms`. @returns a `WaitReply` */
  wait(ticket: string, request: FindRequest, ms: number): Promise<string>
  /** Ends the wait that has this ticket. @returns a `ResultReply` */
  endWait(ticket: string): string
  /** Whether this is still the document in which the id was assigned. @returns a `ResultReply` */
  isSameDocument(id: string): string
}

export interface FindRequest {
  /** Families of which Node knows that they may be here: those of the vendors' frames. */
  readonly families: readonly string[]
  /** How many widgets at most. */
  readonly max: number
  readonly frames: readonly FrameHint[]
}

/** A vendor's frame directly below this frame, as the browser lists it: some are in closed shadow roots. */
export interface FrameHint {
  readonly name: string
  readonly url: string
}

export interface FindReply {
  /** Names the document; every navigation changes it. */
  readonly doc: string
  /** Shows that a later reply is from this document: only replies contain it, so another document cannot know it. */
  readonly secret: string
  readonly origin: string
  /** Whether the document is still loading. */
  readonly loading: boolean
  /** How many more widgets there are. */
  readonly omitted: number
  /** How many shadow roots were not searched. */
  readonly roots: number
  /** Each with a `WidgetHead` and the facts of its family. */
  readonly widgets: readonly unknown[]
  /** A list of what looks like a CAPTCHA of no known family. */
  readonly unknown: unknown
}

/** The families of which there are signs, and whose scripts the page does not have yet: nothing was searched. */
export interface MissingReply {
  readonly missing: readonly string[]
}

/** What every widget of a `FindReply` has. */
export interface WidgetHead {
  readonly id: string
  readonly family: string
  /** Whether a solution was injected and expired before the page used it. */
  readonly expired: boolean
  /** Whether its vendor's script could not be loaded. */
  readonly blocked?: boolean | undefined
  /** Whether it is a copy of another widget's elements, which the vendor's script does not know. */
  readonly copy?: boolean | undefined
  /** Whether the browser's list of frames is all that shows this widget. */
  readonly hinted?: boolean | undefined
}

/** A one-time pad: random numbers of the document's own. What is sealed with it can be read in that document only. */
export interface PadReply {
  /** That of the document's `FindReply`. */
  readonly secret: string
  /** Names the pad among those of the document. */
  readonly id: number
  /** The numbers of 16 bits, each as four hexadecimal digits. */
  readonly numbers: string
}

/** The code units of a text, each XORed with a number of a pad. */
export type SealedText = readonly number[]

/** A solution, as the page's families get it. */
export interface PageSolution extends SolutionTerms {
  readonly token: string
  /** Further values of some vendors, under the vendors' own names. */
  readonly fields: Readonly<Record<string, string | undefined>>
}

/** A solution on its way into the page. The token uses the first numbers of the pad, the fields those after it. */
export interface SealedSolution extends SolutionTerms {
  /** The `id` of the pad. */
  readonly pad: number
  readonly token: SealedText
  readonly fields: Readonly<Record<string, SealedText>>
}

/** What a solution comes with. */
export interface SolutionTerms {
  /** Until it expires, ms. */
  readonly lifetimeMs: number
  /** The widget was unanswered when the solve began: one that was answered since then stays as it is. */
  readonly unlessAnswered: boolean
}

export type PageResult = 'ok' | 'answered' | 'refused' | 'page-gone' | 'widget-gone'

export interface ResultReply {
  readonly result: PageResult
}

/**
 * Why the page's own code does not know of a solution that is in the page:
 * - `callback-missing`: the widget names a callback, and the page has no function of that name
 * - `callback-out-of-reach`: the page's code rendered the widget before the guard watched it, or where it cannot be
 *   watched, so a callback that it passed is not known
 * - `callback-threw`: the page's callback was called, and threw
 */
export type NotifyFailure = 'callback-missing' | 'callback-out-of-reach' | 'callback-threw'

/**
 * `notified`: the page's callback was called, or a call that it waits for was answered. `no-callback`: it gave no
 * callback, so what it reads is the form field, or the vendor's API.
 */
export type NotifyResult = 'notified' | 'no-callback' | NotifyFailure

export interface NotifyReply {
  readonly result: NotifyResult | 'page-gone'
}

export interface WaitReply {
  readonly result: 'changed' | 'ended'
}

/** What the page reports of a proof-of-work widget. */
export type ProofOfWorkFacts = {
  /** The address from which it requests its challenge, as the page has it: it may be relative. */
  readonly endpoint: string | undefined
  /** Whether it starts by itself when the form is submitted. */
  readonly onSubmit: boolean
  readonly visible: boolean
  readonly answered: boolean
  readonly working: boolean
}

/** The progress of a proof-of-work widget. */
export type ProofOfWorkProgress = {
  /** `started`: by this call. `needs-code`: a person has to read a code from a picture. */
  readonly state: 'idle' | 'started' | 'working' | 'failed' | 'needs-code' | 'answered'
  /** The widget's answer; empty while there is none. */
  readonly token: string
  /** What the widget reports of a failure. */
  readonly reason: string
}
