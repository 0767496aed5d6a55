/** What the page half reports of a widget, and the Node half checks. */
export type HcaptchaFacts = {
  readonly kind: 'checkbox' | 'invisible'
  readonly sitekey: string | undefined
  readonly rqdata: string | undefined
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  /** Whether its challenge is open. */
  readonly challenged: boolean
  readonly hinted: boolean
}
