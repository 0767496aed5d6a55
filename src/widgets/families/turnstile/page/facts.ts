/** What the page half reports of a widget, and the Node half checks. */
export type TurnstileFacts = {
  readonly sitekey: string | undefined
  readonly action: string | undefined
  readonly cData: string | undefined
  readonly pageData: string | undefined
  /** Whether it waits for the page to call `execute`. */
  readonly waits: boolean
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  readonly hinted: boolean
}
