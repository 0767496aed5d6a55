/** What the page half reports of a widget, and the Node half checks. */
export type RecaptchaFacts = {
  readonly kind: 'checkbox' | 'invisible' | 'score'
  readonly enterprise: boolean
  /** Whether it may as well be an invisible one, whose page reports actions. */
  readonly ambiguous: boolean
  readonly sitekey: string | undefined
  readonly action: string | undefined
  /** The `data-s` parameter. */
  readonly dataS: string | undefined
  /** The host of the vendor's script or frame. */
  readonly host: string | undefined
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  /** Whether the page may have executed it before its calls could be held, and has not since. */
  readonly unheld: boolean
  /** Whether its challenge is open. */
  readonly challenged: boolean
  readonly hinted: boolean
  /** The vendor's number of it. */
  readonly widgetId: string | undefined
  /** The name of the frame in which the vendor draws it. */
  readonly frameName: string | undefined
  /** The name of the page's callback. */
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
