/** What the page half reports of a widget, and the Node half checks. */
export type GeetestFacts = {
  readonly v4: boolean
  readonly sitekey: string | undefined
  readonly challenge: string | undefined
  /** The host of the vendor's API; v3 only. */
  readonly host: string | undefined
  /** Whether it is bound to a button of the page. */
  readonly bound: boolean
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
}
