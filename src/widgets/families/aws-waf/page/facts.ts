/** What the page half reports of a widget, and the Node half checks. */
export type AwsWafFacts = {
  readonly sitekey: string
  /** The address of the vendor's script. */
  readonly script: string | undefined
  readonly visible: boolean
  readonly answered: boolean
}
