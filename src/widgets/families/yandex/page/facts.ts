import type { RenderedFacts } from '../../../page-kit/rendered.js'

/** What the page half reports of a widget, and the Node half checks. */
export type YandexFacts = RenderedFacts
