import type { Primordials } from './primordials.js'
import { has } from './text.js'

/** A person cannot use what is smaller than this, in CSS pixels: no vendor's widget is. */
const MIN_SIZE = 5
/** Less than this cannot be seen. */
const MIN_OPACITY = 0.02
const MAX_DEPTH = 500
const MAX_PARTS = 100
const MAX_FRAME_DEPTH = 10

/** How the helpers of the DOM read it, see `createDom`. */
export interface DomAccess {
  method<This, Args extends unknown[], Result>(
    from: (this: This, ...args: Args) => Result,
  ): (self: This, ...args: Args) => Result
  getter<This, Result>(prototype: This & object, name: string): (self: This) => Result
}

/** From the first to the last pixel in each direction, in coordinates of the viewport. */
interface Box {
  left: number
  top: number
  right: number
  bottom: number
}

/** What a box is positioned against: boxes in between do not clip it. */
type Position = 'static' | 'absolute' | 'fixed'

/**
 * Whether a person can see an element, after scrolling where a person can scroll: a closed `<details>`, a collapsed
 * accordion, a slide that is not shown and `left: -9999px` are unseen; what is below the fold is not.
 */
export function createSight(p: Primordials, { method, getter }: DomAccess) {
  const html = HTMLElement.prototype
  const rects = method(Element.prototype.getClientRects)
  const bounds = method(Element.prototype.getBoundingClientRect)
  const inElement = method(Element.prototype.querySelectorAll)
  const inFragment = method(DocumentFragment.prototype.querySelectorAll)
  const attribute = method(Element.prototype.getAttribute)
  const matches = method(Element.prototype.matches)
  const parent = getter<Node, Node | null>(Node.prototype, 'parentNode')
  const owner = getter<Node, Document>(Node.prototype, 'ownerDocument')
  const defaultView = getter<Document, Window | null>(Document.prototype, 'defaultView')
  const rootOf = getter<Document, HTMLElement>(Document.prototype, 'documentElement')
  const bodyOf = getter<Document, HTMLElement | null>(Document.prototype, 'body')
  const nodeType = getter<Node, number>(Node.prototype, 'nodeType')
  const slot = getter<Element, Element | null>(Element.prototype, 'assignedSlot')
  const shadow = getter<Element, ShadowRoot | null>(Element.prototype, 'shadowRoot')
  const host = getter<ShadowRoot, Element>(ShadowRoot.prototype, 'host')
  const tag = getter<Element, string>(Element.prototype, 'localName')
  const offsetWidth = getter<HTMLElement, number>(html, 'offsetWidth')
  const offsetHeight = getter<HTMLElement, number>(html, 'offsetHeight')
  const number = (name: string) => getter<Element, number>(Element.prototype, name)
  const clientLeft = number('clientLeft')
  const clientTop = number('clientTop')
  const clientWidth = number('clientWidth')
  const clientHeight = number('clientHeight')
  const scrollLeft = number('scrollLeft')
  const scrollTop = number('scrollTop')
  const scrollWidth = number('scrollWidth')
  const scrollHeight = number('scrollHeight')
  // Missing before Chromium 105 and Firefox 106: there what it checks is read from the styles alone.
  const check: unknown = p.describe(Element.prototype, 'checkVisibility')?.value

  /**
   * @param frame the widget's own frame, where the page shows it: its box is what a person would see
   */
  return function isSeen(element: Element, frame?: Element): boolean {
    let at: Element | null = frame ?? element
    let strict = frame !== undefined
    for (let depth = 0; at && depth < MAX_FRAME_DEPTH; depth++) {
      if (!isSeenInDocument(at, strict)) return false
      // The frame around the document, if it is of the same origin.
      at = viewOf(at).frameElement
      strict = true
    }
    return true
  }

  function isSeenInDocument(element: Element, strict: boolean): boolean {
    if (strict || hasSize(element)) return isBoxSeen(element, strict)
    // Without a box of its own (`display: contents`), or with an empty one around what floats: what is in it decides.
    const shown = firstWithSize(inElement(element, '*')) ?? firstWithSize(shadowOf(element))
    if (shown) return isBoxSeen(shown, false)
    // Nothing is drawn yet, or it is a widget that draws nothing: its place decides.
    const above = parent(element)
    return displayOf(element) === 'contents' && isElement(above) ? isBoxSeen(above, false) : isBoxSeen(element, false)
  }

  function shadowOf(element: Element): ArrayLike<Element> {
    const root = shadow(element)
    return root ? inFragment(root, '*') : []
  }

  function firstWithSize(elements: ArrayLike<Element>): Element | undefined {
    for (let index = 0; index < elements.length && index < MAX_PARTS; index++) {
      if (hasSize(elements[index] as Element)) return elements[index]
    }
    return undefined
  }

  function hasSize(element: Element): boolean {
    const { width, height } = bounds(element)
    return width >= MIN_SIZE && height >= MIN_SIZE
  }

  function isBoxSeen(element: Element, strict: boolean): boolean {
    const style = styleOf(element)
    if (rects(element).length === 0 || style.visibility !== 'visible') return false
    if (typeof check === 'function' && !p.apply(check as () => boolean, element, [])) return false
    // An element without a size has a place all the same; one that was scaled to nothing has none.
    const isPoint = !hasSize(element)
    if (isPoint && (strict || isScaledAway(element))) return false
    const { left, top, right, bottom } = bounds(element)
    const box = { left, top, right, bottom }
    const position = clipByAncestors(element, style, box, isPoint)
    return position !== undefined && isOnCanvas(element, box, position, isPoint)
  }

  /**
   * Cuts the box down to what its ancestors do not clip.
   *
   * @returns what it is positioned against in the viewport; undefined if nothing of it is left
   */
  function clipByAncestors(
    element: Element,
    ownStyle: CSSStyleDeclaration,
    box: Box,
    isPoint: boolean,
  ): Position | undefined {
    let position = positionOf(ownStyle)
    let opacity = opacityOf(ownStyle)
    let style = ownStyle
    let at = element
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (opacity < MIN_OPACITY || style.contentVisibility === 'hidden' || isClippedAway(style)) return undefined
      if (style.backfaceVisibility === 'hidden' && isTurnedAway(at, style)) return undefined
      // Neither the opacity nor the overflow of what is around a modal dialog matters to it.
      if (isInTopLayer(at)) return positionOf(style)
      const around = elementAround(at)
      if (!around) return position
      if (check === undefined && isClosedDetails(around, at)) return undefined
      at = around
      style = styleOf(at)
      // It has no box, and so none that could clip or fade.
      if (style.display === 'contents') continue
      opacity *= opacityOf(style)
      if (!holds(style, position)) continue
      if (!cut(at, style, box, isPoint)) return undefined
      position = positionOf(style)
    }
    return position
  }

  /** Whether a person sees the back of an element, with all that turns it: the other side of a card. */
  function isTurnedAway(element: Element, { transform }: CSSStyleDeclaration): boolean {
    let matrix = new DOMMatrix(transform)
    for (let at = elementAround(element); at && styleOf(at).transformStyle === 'preserve-3d'; at = elementAround(at)) {
      matrix = new DOMMatrix(styleOf(at).transform).multiply(matrix)
    }
    return matrix.inverse().m33 < 0
  }

  /** Cuts a box down to one ancestor's. @returns whether something is left of it */
  function cut(ancestor: Element, style: CSSStyleDeclaration, box: Box, isPoint: boolean): boolean {
    const { overflowX, overflowY, display } = style
    const clips = overflowX !== 'visible' || overflowY !== 'visible'
    if (!clips || display === 'inline' || isViewport(ancestor, style)) return true
    const { left, top, width, height } = bounds(ancestor)
    const scaleX = ratio(width, offsetWidth(ancestor as HTMLElement))
    const scaleY = ratio(height, offsetHeight(ancestor as HTMLElement))
    const inner = { width: clientWidth(ancestor), height: clientHeight(ancestor) }
    const content = { width: scrollWidth(ancestor), height: scrollHeight(ancestor) }
    const reversed = isReversed(style)
    const x: Span = { from: box.left, to: box.right }
    const y: Span = { from: box.top, to: box.bottom }
    const isInX = cutSpan(x, overflowX, {
      from: left + clientLeft(ancestor) * scaleX,
      size: inner.width * scaleX,
      scrolled: scrollLeft(ancestor) * scaleX,
      content: content.width * scaleX,
      reversed,
    })
    const isInY = cutSpan(y, overflowY, {
      from: top + clientTop(ancestor) * scaleY,
      size: inner.height * scaleY,
      scrolled: scrollTop(ancestor) * scaleY,
      content: content.height * scaleY,
      reversed,
    })
    if (!isInX || !isInY) return false
    box.left = x.from
    box.right = x.to
    box.top = y.from
    box.bottom = y.to
    if (!isPoint) return isLarge(box, false)
    // A box that is empty because nothing is drawn in it yet hides nothing.
    const isEmpty = content.width <= inner.width && content.height <= inner.height
    return isLarge(box, true) && (isEmpty || (inner.width >= MIN_SIZE && inner.height >= MIN_SIZE))
  }

  /** Whether what is left is still on the page: a page cannot be scrolled beyond its start. */
  function isOnCanvas(element: Element, box: Box, position: Position, isPoint: boolean): boolean {
    const view = viewOf(element)
    const root = rootOf(owner(element))
    const { innerWidth: width, innerHeight: height } = view
    // A document without a viewport is not laid out: the frame around it decides.
    if (!(width > 0 && height > 0)) return true
    const body = bodyOf(owner(element))
    const style = styleOf(root)
    const bodyStyle = body ? styleOf(body) : style
    const fixed = position === 'fixed'
    // Both are the viewport's, by way of the body.
    const reversed = isReversedText(style) || isReversedText(bodyStyle)
    const noScrollX = fixed || isHidden(style.overflowX === 'visible' ? bodyStyle.overflowX : style.overflowX)
    if (noScrollX || !reversed) box.left = max(box.left, noScrollX ? 0 : -view.scrollX)
    if (noScrollX || reversed) box.right = min(box.right, noScrollX ? width : width - view.scrollX)
    // Pages often lock the vertical scrolling for a while: that hides nothing for good.
    box.top = max(box.top, fixed ? 0 : -view.scrollY)
    if (fixed) box.bottom = min(box.bottom, height)
    return isLarge(box, isPoint)
  }

  /** Whether the overflow of an element is that of the viewport. */
  function isViewport(element: Element, style: CSSStyleDeclaration): boolean {
    const document = owner(element)
    if (element === rootOf(document)) return true
    if (element !== bodyOf(document)) return false
    const { overflowX, overflowY } = styleOf(rootOf(document))
    return overflowX === 'visible' && overflowY === 'visible' && style.display !== 'contents'
  }

  /** The element around it in what is drawn: of a slotted one, the slot. */
  function elementAround(element: Element): Element | undefined {
    const assigned = slot(element)
    if (assigned) return assigned
    const above = parent(element)
    if (!above) return undefined
    if (nodeType(above) === 1) return above as Element
    return nodeType(above) === 11 ? host(above as ShadowRoot) : undefined
  }

  function isScaledAway(element: Element): boolean {
    let at: Element | undefined = element
    for (let depth = 0; at && depth < MAX_DEPTH; depth++) {
      const { width, height } = bounds(at)
      if (isLost(width, offsetWidth, at) || isLost(height, offsetHeight, at)) return true
      at = elementAround(at)
    }
    return false
  }

  function isLost(shown: number, laidOut: (element: HTMLElement) => number, element: Element): boolean {
    try {
      return shown < MIN_SIZE && laidOut(element as HTMLElement) >= MIN_SIZE
    } catch {
      // An SVG element has no such size.
      return false
    }
  }

  function isClosedDetails(details: Element, child: Element): boolean {
    if (tag(details) !== 'details' || attribute(details, 'open') !== null) return false
    return inElement(details, ':scope > summary')[0] !== child
  }

  /** Whether it is an open modal dialog or popover. */
  function isInTopLayer(element: Element): boolean {
    try {
      if (tag(element) === 'dialog') return matches(element, ':modal')
      return attribute(element, 'popover') !== null && matches(element, ':popover-open')
    } catch {
      // A browser that does not know the selector has no such elements.
      return false
    }
  }

  function styleOf(element: Element): CSSStyleDeclaration {
    return viewOf(element).getComputedStyle(element)
  }

  function opacityOf({ opacity, filter }: CSSStyleDeclaration): number {
    if (filter && has(p, filter, 'opacity(0)')) return 0
    const value = +opacity
    return value >= 0 ? value : 1
  }

  function displayOf(element: Element): string {
    return styleOf(element).display
  }

  function viewOf(element: Element): Window {
    return defaultView(owner(element)) as Window
  }

  function isElement(node: Node | null): node is Element {
    return node !== null && nodeType(node) === 1
  }
}

/** One direction of a box. */
interface Span {
  from: number
  to: number
}

/** One direction of an element that clips. */
interface Clip {
  readonly from: number
  readonly size: number
  readonly scrolled: number
  /** How large its content is. */
  readonly content: number
  readonly reversed: boolean
}

/** Cuts a span down to what an element does not clip, or what it can be scrolled to. @returns false if it is outside */
function cutSpan(span: Span, overflow: string, { from, size, scrolled, content, reversed }: Clip): boolean {
  if (overflow === 'visible') return true
  const to = from + size
  if (overflow === 'auto' || overflow === 'scroll') {
    const begin = from - scrolled - (reversed ? content - size : 0)
    if (span.to < begin || span.from > from - scrolled + content) return false
    if (span.from < from || span.to > to) {
      // It can be scrolled into the element's own box.
      span.from = from
      span.to = to
    }
  }
  span.from = max(span.from, from)
  span.to = min(span.to, to)
  return true
}

const max = (a: number, b: number): number => (a > b ? a : b)
const min = (a: number, b: number): number => (a < b ? a : b)
const ratio = (shown: number, laidOut: number): number => (laidOut > 0 ? shown / laidOut : 1)
const isHidden = (overflow: string): boolean => overflow === 'hidden' || overflow === 'clip'

/** Whether a size is left; an element without one has a place, as long as it is not beyond the end. */
function isLarge({ left, top, right, bottom }: Box, isPoint: boolean): boolean {
  const size = isPoint ? 0 : MIN_SIZE
  return right - left >= size && bottom - top >= size
}

/** Whether what overflows an element may begin before it, and be scrolled to. */
function isReversed(style: CSSStyleDeclaration): boolean {
  const { flexDirection } = style
  return isReversedText(style) || flexDirection === 'row-reverse' || flexDirection === 'column-reverse'
}

function isReversedText({ direction, writingMode }: CSSStyleDeclaration): boolean {
  return direction === 'rtl' || writingMode === 'vertical-rl'
}

/** The shapes that leave nothing: of no radius, cut from one side to the other, or with all points in one line. */
const NO_SHAPE =
  /^(circle|ellipse)\(0px|^inset\((50%\)|.*100%)|^polygon\((\S+) \S+(, \3 \S+)*\)$|^polygon\(\S+ ([^,]+)(, \S+ \5)*\)$/

/** The ways in which style sheets hide text for all but screen readers. */
function isClippedAway({ clip, clipPath, position }: CSSStyleDeclaration): boolean {
  // By the page's own method: one that redefines it decides about its own widgets only.
  if (NO_SHAPE.test(clipPath)) return true
  const positioned = position === 'absolute' || position === 'fixed'
  return positioned && (clip === 'rect(0px, 0px, 0px, 0px)' || clip === 'rect(1px, 1px, 1px, 1px)')
}

function positionOf({ position }: CSSStyleDeclaration): Position {
  return position === 'absolute' || position === 'fixed' ? position : 'static'
}

/** Whether an ancestor is what a box of that position is positioned against. */
function holds(style: CSSStyleDeclaration, position: Position): boolean {
  if (position === 'static' || (position === 'absolute' && style.position !== 'static')) return true
  const { transform, perspective, filter, contain, willChange } = style
  return (
    transform !== 'none' ||
    perspective !== 'none' ||
    filter !== 'none' ||
    (contain !== 'none' && contain !== 'size' && contain !== 'style') ||
    willChange === 'transform'
  )
}
