/** What the page half reports of a widget, and the Node half checks. */
export type FriendlyFacts = {
  readonly version: 'v1' | 'v2'
  readonly sitekey: string | undefined
  /** The source of its puzzle: an address, several joined by commas, or the vendor's word for one. */
  readonly endpoint: string | undefined
  /** The address of the vendor's script. */
  readonly script: string | undefined
  readonly visible: boolean
  readonly answered: boolean
  /** Whether it was started, and the browser is working on its answer. */
  readonly working: boolean
}
