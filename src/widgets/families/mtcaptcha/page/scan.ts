import type { Place } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { parameter, text } from '../../../page-kit/text.js'

/** One MTCaptcha. */
export interface Widget {
  /** What it stands in. */
  readonly element: Element
  /** Its frame, on the vendor's origin; none until the vendor's script has come. */
  readonly frame: Element | undefined
  /** What the page's code names it by. */
  readonly domId: string | undefined
}

export interface Scene {
  readonly widgets: List<Widget>
  readonly leftOut: number
}

const FRAMES = 'iframe[src*="/mtcv1/client/iframe"]'
const MOST_FOUND = 1_000
const MOST_QUEUED = 50

/** From what the page shows, and what it has written down for the vendor's script, which is never called with anything. */
export function gather(place: Place, most: number): Scene {
  const { p, dom } = place
  const widgets = list<Widget>()
  let leftOut = 0

  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) {
    const found = dom.all(roots[index] as Document, FRAMES)
    for (let at = 0; at < found.length && at < MOST_FOUND; at++) addFrame(found[at] as Element)
  }
  // Those that are yet to be drawn: without being asked, all of a class, or those that stand in line.
  if (setting(place, 'render') !== 'explicit') {
    for (let index = 0; index < roots.size; index++) {
      const found = dom.all(roots[index] as Document, '.mtcaptcha')
      for (let at = 0; at < found.length && at < MOST_FOUND; at++) add({ element: found[at] as Element })
    }
  }
  const queue = setting(place, 'renderQueue')
  for (let index = 0; index < MOST_QUEUED; index++) {
    const id = own(p, queue, `${index}`)
    const element = typeof id === 'string' ? dom.byId(id) : null
    if (element) add({ element, domId: id as string })
  }
  return { widgets, leftOut }

  function addFrame(frame: Element): void {
    const domId = text(parameter(p, dom.attribute(frame, 'src') ?? '', 'widgetInstance'))
    const named = domId === undefined ? null : dom.byId(domId)
    const around = dom.closest(frame, '.mtcaptcha') ?? (named && dom.contains(named, frame) ? named : dom.parent(frame))
    if (dom.isElement(around)) add({ element: around, frame, domId })
  }

  function add({ element, frame, domId }: Pick<Widget, 'element'> & Partial<Widget>): void {
    for (let index = 0; index < widgets.size; index++) if (widgets[index]?.element === element) return
    const widget: Widget = { element, frame, domId: domId ?? text(dom.attribute(element, 'id')) }
    if (!sitekeyOf(place, widget)) return
    if (widgets.size < most) push(widgets, widget)
    else leftOut++
  }
}

/** What the page has written down for the vendor's script. */
export function setting({ p }: Place, name: string): unknown {
  return read(p, own(p, window, 'mtcaptchaConfig'), name)
}

export function sitekeyOf(place: Place, { frame }: Widget): string | undefined {
  return fromFrame(place, frame, 'sitekey') ?? text(setting(place, 'sitekey'))
}

export function actionOf(place: Place, { frame }: Widget): string | undefined {
  return fromFrame(place, frame, 'action') ?? text(setting(place, 'action'))
}

function fromFrame({ p, dom }: Place, frame: Element | undefined, name: string): string | undefined {
  return frame && text(parameter(p, dom.attribute(frame, 'src') ?? '', name))
}
