import type { RenderedFacts } from '../../../page-kit/rendered.js'

/** What the page half reports of a widget, and the Node half checks. */
export type CaptchafoxFacts = RenderedFacts & {
  /** The browser's own. */
  readonly userAgent: string | undefined
}
