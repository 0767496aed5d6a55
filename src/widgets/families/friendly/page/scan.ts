import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { find, keep, list, push } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has, parameter, sourceOf, text, trimmed } from '../../../page-kit/text.js'

/** One Friendly Captcha: its element, and the vendor's own object, which is a property of the element. */
export interface FriendlyWidget {
  readonly element: Element
  readonly version: 'v1' | 'v2'
  /** `WidgetInstance` of version 1, `WidgetHandle` of version 2; undefined until the vendor's script has run. */
  readonly handle: object | undefined
  /** Version 2 renders into a frame on the vendor's origin. */
  readonly frame: Element | undefined
}

export type FriendlyScan = FamilyScan<FriendlyWidget>

const SIGNS = '.frc-captcha,.frc-container,iframe.frc-i-widget'
const V1_SCRIPTS = 'script[src*="friendly-challenge"],script[src*="friendlycaptcha"][src*="/v1/"]'
const V2_SCRIPTS = 'script[src*="friendlycaptcha/sdk"],script[src*="friendly-captcha-sdk"],script[src*="frcapi.com"]'
const MAX_FOUND = 1_000

/** Everything is in the document: no call has to be recorded. */
export function scanFrame(context: PageContext, max: number): FriendlyScan {
  const { p, dom } = context
  const elements = list<Element>()
  const widgets = list<FriendlyWidget>()
  let omitted = 0

  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) scanRoot(roots[index] as Document)
  let defaultVersion: FriendlyWidget['version'] | undefined
  for (let index = 0; index < elements.size; index++) add(elements[index] as Element)
  // The script draws all that it finds at once: what came later is left to the page.
  const isDrawn = ({ handle, frame }: FriendlyWidget) => handle !== undefined || frame !== undefined
  const isThere = own(p, window, 'friendlyChallenge') !== undefined || own(p, window, 'frcaptcha') !== undefined
  if (isThere && find(widgets, isDrawn))
    keep(widgets, (one) => isDrawn(one) || dom.inElement(one.element, '*').length > 0)
  return { widgets, omitted }

  function scanRoot(root: Document): void {
    const found = dom.all(root, SIGNS)
    for (let index = 0; index < found.length; index++) {
      const sign = found[index] as Element
      const whole = dom.closest(sign, '.frc-captcha') ?? dom.parent(sign)
      if (!dom.isElement(whole) || isKnown(whole)) continue
      if (elements.size < MAX_FOUND) push(elements, whole)
      else omitted++
    }
  }

  function isKnown(element: Element): boolean {
    for (let index = elements.size - 1; index >= 0; index--) if (elements[index] === element) return true
    return false
  }

  function add(element: Element): void {
    const findWidget = handleOf(context, element, 'friendlyChallengeWidget')
    const handle = findWidget ?? handleOf(context, element, 'frcWidget')
    const frame = dom.inElement(element, 'iframe.frc-i-widget')[0]
    const version = findWidget ? 'v1' : handle || frame ? 'v2' : versionOf(element)
    if (!version) return
    const widget: FriendlyWidget = { element, version, handle, frame }
    if (!sitekeyOf(context, widget)) return
    if (widgets.size < max) push(widgets, widget)
    else omitted++
  }

  /** The version of an element that no script has rendered yet. Without a known script the element is no widget yet. */
  function versionOf(element: Element): FriendlyWidget['version'] | undefined {
    if (dom.inElement(element, '.frc-container').length > 0) return 'v1'
    if (dom.attribute(element, 'data-puzzle-endpoint') !== undefined) return 'v1'
    if (dom.attribute(element, 'data-api-endpoint') !== undefined) return 'v2'
    defaultVersion ??=
      own(p, window, 'friendlyChallenge') !== undefined || scripts(V1_SCRIPTS)
        ? 'v1'
        : own(p, window, 'frcaptcha') !== undefined || scripts(V2_SCRIPTS)
          ? 'v2'
          : undefined
    return defaultVersion
  }

  function scripts(selector: string): boolean {
    return dom.all(document, selector).length > 0
  }
}

/** The vendor's object of a widget, which both versions keep on the element. */
function handleOf({ p }: PageContext, element: Element, name: 'friendlyChallengeWidget' | 'frcWidget') {
  const handle = own(p, element, name)
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

/** A setting of the widget: from the page's code, else from the element's `data-` attribute. */
export function setting(
  { p, dom }: PageContext,
  { element, version, handle }: FriendlyWidget,
  name: string,
  attribute: string,
): unknown {
  const given = version === 'v1' ? read(p, own(p, handle, 'opts'), name) : own(p, handle, name)
  return given !== undefined && given !== '' ? given : dom.attribute(element, `data-${attribute}`)
}

export function sitekeyOf(context: PageContext, widget: FriendlyWidget): string | undefined {
  return (
    trimmed(context.p, setting(context, widget, 'sitekey', 'sitekey')) ??
    parameter(context.p, frameUrl(context, widget), 'sitekey')
  )
}

/** The address from which it requests its puzzle; several are joined by commas. */
export function endpointOf(context: PageContext, widget: FriendlyWidget): string | undefined {
  if (widget.version === 'v1') return text(setting(context, widget, 'puzzleEndpoint', 'puzzle-endpoint'))
  const url = frameUrl(context, widget)
  return has(context.p, url, '//') ? url : context.dom.attribute(widget.element, 'data-api-endpoint')
}

function frameUrl({ dom }: PageContext, { frame }: FriendlyWidget): string {
  return (frame && dom.attribute(frame, 'src')) ?? ''
}

/** The address of the vendor's script, unless the page has bundled it into one of its own. */
export function scriptOf({ p, dom }: PageContext, { version }: FriendlyWidget): string | undefined {
  const found = dom.all(document, version === 'v1' ? V1_SCRIPTS : V2_SCRIPTS)[0]
  return found && sourceOf(p, found)
}
