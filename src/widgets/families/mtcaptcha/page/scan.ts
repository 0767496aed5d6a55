import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { find, includes, keep, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { parameter, text, trimmed } from '../../../page-kit/text.js'

/** One MTCaptcha widget. */
export interface MtcaptchaWidget {
  /** The element around it. */
  readonly element: Element
  /** Its frame, on the vendor's origin; undefined until the vendor's script has run. */
  readonly frame: Element | undefined
  /** The id by which the page's code names it. */
  readonly domId: string | undefined
  /** Whether the page has copied the drawing of another one that is still there. */
  readonly copied: boolean
}

export type MtcaptchaScan = FamilyScan<MtcaptchaWidget>

const FRAMES = 'iframe[src*="/mtcv1/client/iframe"]'
const MAX_FOUND = 1_000
const MAX_QUEUED = 50

/** The frames that were the first with their id. */
const originals = list<{ readonly id: string; readonly frame: Element }>()

/**
 * Reads what the page shows, and the configuration that the vendor's script reads: the script receives nothing by a
 * call.
 *
 * @see https://docs.mtcaptcha.com/dev-guide
 */
export function scanFrame(context: PageContext, max: number): MtcaptchaScan {
  const { p, dom } = context
  const widgets = list<MtcaptchaWidget>()
  let omitted = 0

  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) {
    const found = dom.all(roots[index] as Document, FRAMES)
    for (let at = 0; at < found.length && at < MAX_FOUND; at++) addFrame(found[at] as Element)
  }
  // Widgets that are not rendered yet: all of a class unless `render` is `explicit`, and those in the render queue.
  if (setting(context, 'render') !== 'explicit') {
    for (let index = 0; index < roots.size; index++) {
      const found = dom.all(roots[index] as Document, '.mtcaptcha')
      for (let at = 0; at < found.length && at < MAX_FOUND; at++) add({ element: found[at] as Element })
    }
  }
  const queued = list<Element>()
  const queue = setting(context, 'renderQueue')
  for (let index = 0; index < MAX_QUEUED; index++) {
    const id = own(p, queue, `${index}`)
    const element = typeof id === 'string' ? dom.byId(id) : null
    if (element) add({ element, domId: id as string })
    if (element) push(queued, element)
  }
  // The script draws all that it finds of the class at once: what came later is left to the page.
  if (find(widgets, ({ frame, element }) => !!frame && !!dom.closest(element, '.mtcaptcha')))
    keep(widgets, (one) => !!one.frame || includes(queued, one.element) || dom.inElement(one.element, '*').length > 0)
  return { widgets, omitted }

  function addFrame(frame: Element): void {
    const domId = text(parameter(p, dom.attribute(frame, 'src') ?? '', 'widgetInstance'))
    const named = domId === undefined ? null : dom.byId(domId)
    const around = dom.closest(frame, '.mtcaptcha') ?? (named && dom.contains(named, frame) ? named : dom.parent(frame))
    if (dom.isElement(around)) add({ element: around, frame, domId })
  }

  /** Whether another frame with this id is there, which was seen first. Drawn again, a widget has the same id. */
  function isCopy(id: string, frame: Element): boolean {
    const known = find(originals, (one) => one.id === id)
    if (known && (known.frame === frame || dom.isInDocument(known.frame))) return known.frame !== frame
    remove(originals, known)
    pushBounded(originals, { id, frame })
    return false
  }

  function add({ element, frame, domId }: Pick<MtcaptchaWidget, 'element'> & Partial<MtcaptchaWidget>): void {
    for (let index = 0; index < widgets.size; index++) if (widgets[index]?.element === element) return
    const copied = !!frame && !!domId && isCopy(domId, frame)
    const widget: MtcaptchaWidget = { element, frame, domId: domId ?? text(dom.attribute(element, 'id')), copied }
    if (!sitekeyOf(context, widget)) return
    if (widgets.size < max) push(widgets, widget)
    else omitted++
  }
}

/** A value of the page's configuration for the vendor's script. */
export function setting({ p }: PageContext, name: string): unknown {
  return read(p, own(p, window, 'mtcaptchaConfig'), name)
}

export function sitekeyOf(context: PageContext, { frame }: MtcaptchaWidget): string | undefined {
  return fromFrame(context, frame, 'sitekey') ?? trimmed(context.p, setting(context, 'sitekey'))
}

export function actionOf(context: PageContext, { frame }: MtcaptchaWidget): string | undefined {
  return fromFrame(context, frame, 'action') ?? trimmed(context.p, setting(context, 'action'))
}

function fromFrame({ p, dom }: PageContext, frame: Element | undefined, name: string): string | undefined {
  return frame && trimmed(p, parameter(p, dom.attribute(frame, 'src') ?? '', name))
}
