/** What the page half reports of a widget, and the Node half checks. */
export type MtcaptchaFacts = {
  readonly sitekey: string | undefined
  readonly action: string | undefined
  readonly visible: boolean
  readonly answered: boolean
}
