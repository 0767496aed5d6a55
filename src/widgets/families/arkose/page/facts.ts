/** What the page half reports of a widget, and the Node half checks. */
export type ArkoseFacts = {
  readonly sitekey: string
  readonly host: string | undefined
  readonly blob: string | undefined
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
  readonly hinted: boolean
}
