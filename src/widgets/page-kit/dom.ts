import { type List, list, type Primordials, push } from './primordials.js'
import { createSight } from './sight.js'

/** More elements than any honest page has; reading them takes milliseconds. */
const MAX_ELEMENTS = 200_000
/** Pages of web components have hundreds. */
const MAX_ROOTS = 1_000

export type Root = Document | ShadowRoot

/**
 * Reads the document through the prototypes' own methods: `document.querySelectorAll` or `form.parentNode` may be an
 * element to which the page gave that name.
 */
export function createDom(p: Primordials) {
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
  const setAttribute = method(Element.prototype.setAttribute)
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
  const shadow = getter<Element, ShadowRoot | null>(Element.prototype, 'shadowRoot')
  const tag = getter<Element, string>(Element.prototype, 'localName')
  const textContent = getter<Node, string | null>(Node.prototype, 'textContent')
  const nodeType = getter<Node, number>(Node.prototype, 'nodeType')
  const body = getter<Document, HTMLElement | null>(Document.prototype, 'body')
  const readyState = getter<Document, string>(Document.prototype, 'readyState')
  const source = getter<Element, string>(HTMLScriptElement.prototype, 'src')
  const cookie = p.describe(Document.prototype, 'cookie')
  const textarea = p.describe(HTMLTextAreaElement.prototype, 'value')
  const input = p.describe(HTMLInputElement.prototype, 'value')

  const isSeen = createSight(p, { method, getter })
  const visible = (element: Element): boolean =>
    rects(element).length > 0 && getComputedStyle(element).visibility === 'visible'

  const all = (root: Root, selector: string): NodeListOf<Element> =>
    root === document ? inDocument(document, selector) : inFragment(root as ShadowRoot, selector)

  const isElement = (value: unknown): value is Element => {
    try {
      return typeof value === 'object' && value !== null && nodeType(value as Node) === 1
    } catch {
      return false
    }
  }

  let cached: List<Root> | undefined
  let unsearchedRoots = 0

  return {
    /** Drops the list of roots, so that the next `roots` reads the document again. */
    refresh(): void {
      cached = undefined
    },
    /** How many roots `roots` left out; elements beyond the bound count as one. */
    unsearchedRoots: (): number => unsearchedRoots,
    loading: (): boolean => readyState(document) !== 'complete',
    body: (): HTMLElement => body(document) as HTMLElement,

    all,
    inElement: (element: Element, selector: string): NodeListOf<Element> => inElement(element, selector),
    attribute: (element: Element, name: string): string | undefined => attribute(element, name) ?? undefined,
    setAttribute: (element: Element, name: string, value: string) => setAttribute(element, name, value),
    closest: (element: Element, selector: string): Element | null => closest(element, selector),
    contains: (outer: Node, inner: Node): boolean => contains(outer, inner),
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
    textContent: (node: Node): string => textContent(node) ?? '',
    setCookie: (text: string) => void p.apply(cookie?.set as (text: string) => void, document, [text]),
    /** The absolute address of a script. */
    source: (script: Element): string => source(script),
    append: (to: Node, child: Node) => append(to, child),
    /** Creates a field for an answer. */
    create: (name: string): HTMLElement => push(created, create(document, name)),
    /** Everything that `create` has created; the caller may empty it. */
    created,
    remove(node: Node): void {
      const from = parent(node)
      if (from) removeChild(from, node)
    },

    /** Whether a node is connected to the current document. */
    isInDocument: (node: Node): boolean => connected(node) && owner(node) === document,

    isElement,

    /**
     * The same for the many objects of a vendor's state, of which few are elements: `isElement` throws inside for each
     * other one, and the first exception in a page's script takes milliseconds. An element whose prototype the page has
     * replaced is not recognized.
     */
    isElementInState(value: object): value is Element {
      try {
        return p.has(value, 'nodeType') && isElement(value)
      } catch {
        return false
      }
    },

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

    /** The document and all open shadow roots in it, nested ones too; cached until `refresh`. */
    roots(): List<Root> {
      if (cached) return cached
      const roots = list<Root>()
      cached = roots
      push<Root>(roots, document)
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
