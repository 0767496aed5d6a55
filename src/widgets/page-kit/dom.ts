import { eachTarget, isTakenFrame, type Taken, takenByOthers } from './elsewhere.js'
import { includes, type List, list, type Primordials, push } from './primordials.js'
import type { FrameHint } from './protocol.js'
import { createSight } from './sight.js'
import type { Observer } from './watcher.js'

/** More elements than any honest page has; reading them takes milliseconds. */
const MAX_ELEMENTS = 200_000
/** Pages of web components have hundreds. */
const MAX_ROOTS = 1_000
/** How many frames of the document's origin are looked at for code that renders into the document. */
const MAX_WINDOWS = 20
/** The `nodeType` of an element. */
const ELEMENT = 1

/** Where elements are looked for; an element: one of another document, into which this window's code has rendered. */
export type Root = Document | ShadowRoot | Element

/**
 * Reads the document through the prototypes' own methods: `document.querySelectorAll` or `form.parentNode` may be an
 * element to which the page gave that name.
 */
export function createDom(p: Primordials, observer: Observer) {
  const method = <This, Args extends unknown[], Result>(from: (this: This, ...args: Args) => Result) => {
    return (self: This, ...args: Args): Result => p.apply(from, self, args)
  }
  const getter = <This, Result>(prototype: This & object, name: string) => {
    const get = p.describe(prototype, name)?.get as () => Result
    return (self: This): Result => p.apply(get, self, [])
  }
  const select = method(Document.prototype.querySelector)
  const inDocument = method(Document.prototype.querySelectorAll)
  const inFragment = method(DocumentFragment.prototype.querySelectorAll)
  const inElement = method(Element.prototype.querySelectorAll)
  const attribute = method(Element.prototype.getAttribute)
  const closest = method(Element.prototype.closest)
  const contains = method(Node.prototype.contains)
  const rects = method(Element.prototype.getClientRects)
  const create = method(Document.prototype.createElement)
  const append = method(Node.prototype.appendChild)
  const removeChild = method(Node.prototype.removeChild)
  const created = list<HTMLElement>()
  const byId = method(Document.prototype.getElementById)
  const parent = getter<Node, Node | null>(Node.prototype, 'parentNode')
  const connected = getter<Node, boolean>(Node.prototype, 'isConnected')
  const owner = getter<Node, Document | null>(Node.prototype, 'ownerDocument')
  const viewOf = getter<Document, (Window & typeof globalThis) | null>(Document.prototype, 'defaultView')
  const shadow = getter<Element, ShadowRoot | null>(Element.prototype, 'shadowRoot')
  const tag = getter<Element, string>(Element.prototype, 'localName')
  const nodeType = getter<Node, number>(Node.prototype, 'nodeType')
  const body = getter<Document, HTMLElement | null>(Document.prototype, 'body')
  const outerHtml = getter<Element, string>(Element.prototype, 'outerHTML')
  const readyState = getter<Document, string>(Document.prototype, 'readyState')
  const textarea = p.describe(HTMLTextAreaElement.prototype, 'value')
  const input = p.describe(HTMLInputElement.prototype, 'value')

  const isSeen = createSight(p, { method, getter })
  const visible = (element: Element): boolean =>
    rects(element).length > 0 && getComputedStyle(element).visibility === 'visible'

  const all = (root: Root, selector: string): ArrayLike<Element> => {
    const found =
      root === document
        ? inDocument(document, selector)
        : nodeType(root) === ELEMENT
          ? inElement(root as Element, selector)
          : inFragment(root as ShadowRoot, selector)
    const { elements } = takenHere()
    return elements.size > 0 ? outside(elements, found) : found
  }

  const isElement = (value: unknown): value is Element => {
    try {
      return typeof value === 'object' && value !== null && nodeType(value as Node) === 1
    } catch {
      return false
    }
  }

  /** Whether a document is shown in another window, whose origin is this one's. */
  const isShownElsewhere = (other: Document | null): boolean => {
    try {
      const view = other && viewOf(other)
      return !!view && view.document === other && view.origin === observer.origin
    } catch {
      return false
    }
  }

  /** Whether a node is connected to the current document, or to one into which this window's code can render too. */
  const isInDocument = (node: Node): boolean =>
    connected(node) && (owner(node) === document || isShownElsewhere(owner(node)))

  const takenHere = (): Taken => {
    taken ??= takenByOthers(
      observer,
      (target): target is Element => isElement(target) && connected(target) && owner(target) === document,
      windowsBeside(),
    )
    return taken
  }

  /** The windows of the frames of this page: without those in, or around, one of another origin. */
  const windowsBeside = (): List<Window> => {
    const windows = list<Window>()
    let outermost = document
    try {
      outermost = window.top?.document ?? document
    } catch {
      // Another origin's.
    }
    for (let at = -1; at < windows.size; at++) {
      const frames = inDocument(at < 0 ? outermost : (windows[at] as Window).document, 'iframe,frame')
      for (let index = 0; index < frames.length && index < MAX_WINDOWS && windows.size < MAX_WINDOWS; index++) {
        // Of another origin it is null, and nothing throws.
        const inner = (frames[index] as HTMLIFrameElement).contentDocument
        const view = inner && viewOf(inner)
        if (view) push(windows, view)
      }
    }
    return windows
  }

  const outside = (elements: List<Element>, found: ArrayLike<Element>): ArrayLike<Element> => {
    const empty: object = { __proto__: null, length: 0 }
    const kept = empty as { [index: number]: Element; length: number }
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      let inside = false
      for (let at = 0; at < elements.size && !inside; at++) inside = contains(elements[at] as Element, element)
      if (!inside) kept[kept.length++] = element
    }
    return kept
  }

  let cached: List<Root> | undefined
  let taken: Taken | undefined
  let unsearchedRoots = 0

  return {
    /** Drops the list of roots, so that the next `roots` reads the document again. */
    refresh(): void {
      cached = undefined
      taken = undefined
    },
    /** How many roots `roots` left out; elements beyond the bound count as one. */
    unsearchedRoots: (): number => unsearchedRoots,
    loading: (): boolean => readyState(document) !== 'complete',
    body: (): HTMLElement => body(document) as HTMLElement,

    all,
    inElement,
    attribute: (element: Element, name: string): string | undefined => attribute(element, name) ?? undefined,
    closest,
    contains,
    byId: (id: string): HTMLElement | null => byId(document, id),

    /** The first such element of the document; undefined if the selector is invalid. */
    select(selector: string): Element | undefined {
      try {
        return select(document, selector) ?? undefined
      } catch {
        return undefined
      }
    },

    parent,
    /** An element's open shadow root. */
    shadow: (element: Element): ShadowRoot | undefined => shadow(element) ?? undefined,
    tag,
    outerHtml,
    append,
    /** Creates a field for an answer. */
    create: (name: string): HTMLElement => push(created, create(document, name)),
    /** Everything that `create` has created; the caller may empty it. */
    created,
    remove(node: Node): void {
      const from = parent(node)
      if (from) removeChild(from, node)
    },

    isInDocument,

    /** Whether a frame, as the browser lists it, belongs to what another window's code has rendered here. */
    isTakenFrame: (frame: FrameHint): boolean =>
      isTakenFrame(p, takenHere(), frame, (element) => inElement(element, 'iframe')),

    isElement,

    /** Whether the element has a box in the layout and is not hidden. A person may be unable to see it all the same. */
    visible,

    /**
     * Whether a person can see a widget, after scrolling where that is possible.
     *
     * @param frame the widget's own frame, if the page shows it: its box is what counts
     */
    seen(element: Element, frame?: Element): boolean {
      try {
        return isSeen(element, frame)
      } catch {
        // A page that redefines what is read decides for itself.
        return visible(element)
      }
    },

    /**
     * The document and all open shadow roots in it, nested ones too, and the elements of other documents into which
     * this window's code has rendered; cached until `refresh`.
     */
    roots(): List<Root> {
      if (cached) return cached
      const roots = list<Root>()
      cached = roots
      push<Root>(roots, document)
      eachTarget(observer, (target) => {
        if (isElement(target) && owner(target) !== document && isInDocument(target) && !includes(roots, target))
          push<Root>(roots, target)
      })
      unsearchedRoots = 0
      let left = MAX_ELEMENTS
      for (let index = 0; index < roots.size && left > 0; index++) {
        const elements = all(roots[index] as Root, '*')
        const count = elements.length
        for (let at = 0; at < count && left > 0; at++, left--) {
          const root = shadow(elements[at] as Element)
          if (!root) continue
          if (roots.size < MAX_ROOTS) push<Root>(roots, root)
          else unsearchedRoots++
        }
      }
      if (left === 0) unsearchedRoots++
      return roots
    },

    /** The value of a field, read through the prototype: frameworks define a `value` on the element itself. */
    value(field: Element): string {
      const property = tag(field) === 'textarea' ? textarea : input
      try {
        return `${p.apply(property?.get as () => unknown, field, [])}`
      } catch {
        return ''
      }
    },

    setValue(field: Element, value: string): void {
      const property = tag(field) === 'textarea' ? textarea : input
      p.apply(property?.set as (value: string) => void, field, [value])
    },
  }
}

export type Dom = ReturnType<typeof createDom>
