import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import type { List } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { parameter, trimmed } from '../../../page-kit/text.js'

/** One reCAPTCHA widget, joined from all sources that show it. Every part may be missing. */
export interface RecaptchaWidget {
  /** The vendor's widget id, a number. */
  n?: number
  /** The element around it, or the button that it is bound to. */
  element?: Element
  anchor?: Frame
  /** The arguments of `render`, as the page or the vendor's script has them. */
  params?: object
  /** What the vendor's script drew for a button, elsewhere. */
  box?: Element
  /** Whether the page passed an element to `render`; undefined where the call was not recorded. */
  placed?: boolean
  /** The client of the vendor's own state, with its parameters. */
  client?: Client
  enterprise?: boolean
  /** Answers with a score: v3, Enterprise. */
  score?: boolean
  /** A score widget that the page has rendered: it has a field, and may have a callback. */
  rendered?: boolean
  /** The action, if this is a score widget with one. */
  action?: string
}

export interface Frame {
  readonly element?: Element
  readonly name: string
  readonly url: string
}

export interface Client {
  /** The vendor's own object. */
  readonly state: object
  readonly params?: object
  readonly elements: List<Element>
  readonly words: List<string>
}

export interface RecaptchaScan extends FamilyScan<RecaptchaWidget> {
  readonly challenges: List<Frame>
  /** The vendor's scripts in the page. */
  readonly scripts: { enterprise: boolean; plain: boolean; implicit: boolean; explicit: boolean; host?: string }
}

/** Whether its parameters are known: of the page's call, in the vendor's state, or in the page's own HTML. */
export function isSeen({ dom }: PageContext, { params, client, element }: RecaptchaWidget): boolean {
  return !!(params ?? client?.params) || (!!element && dom.attribute(element, 'data-sitekey') !== undefined)
}

/** Whether the vendor's script has drawn it. */
export function isDrawn({ n, anchor }: RecaptchaWidget): boolean {
  return n !== undefined || anchor !== undefined
}

/** A parameter of the widget: from the page's call, else from the element's `data-` attribute. */
export function setting({ p, dom }: PageContext, { params, client, element }: RecaptchaWidget, name: string): unknown {
  const given = read(p, params, name) ?? read(p, client?.params, name)
  return given ?? (element && dom.attribute(element, `data-${name}`))
}

export function sitekeyOf(context: PageContext, widget: RecaptchaWidget): string | undefined {
  const key = trimmed(context.p, setting(context, widget, 'sitekey'))
  return key ?? (widget.anchor && trimmed(context.p, parameter(context.p, widget.anchor.url, 'k')))
}
