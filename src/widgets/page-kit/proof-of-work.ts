import { thenable } from './api-watch.js'
import type { PageContext, PageFamily, WidgetView } from './family.js'
import { type List, list, push, pushBounded, remove } from './primordials.js'
import type { ProofOfWorkFacts, ProofOfWorkProgress } from './protocol.js'
import { own, read } from './safe-read.js'
import { slice } from './text.js'

type State = Exclude<ProofOfWorkProgress['state'], 'started'>

/** A proof-of-work widget as it is in the page now. */
interface ProofOfWorkElement {
  /** The address from which it requests its challenge. */
  readonly endpoint: string | undefined
  /** Whether it starts by itself when the form is submitted. */
  readonly onSubmit: boolean
  readonly visible: boolean
  readonly state: State
  /** Its answer, if a field holds one. */
  readonly token: string
  /** What the document shows of a failure. */
  readonly reason?: string | undefined
}

/** One family of such widgets: custom elements of one name. */
interface ProofOfWorkKind {
  /** The element's name. */
  readonly name: string
  /** Parts of its script's addresses. */
  readonly addresses: readonly string[]
  /** The documented method that starts the work. */
  readonly method: string
  inspect(context: PageContext, element: Element): ProofOfWorkElement
  /** The reason in an `error` event, where the document does not show it. */
  failure?(context: PageContext, event: Event): string
}

const MAX_FOUND = 1_000
const MAX_REASON_LENGTH = 200

/** A family whose widgets are only read, and started as a page would start them. */
export function proofOfWork(kind: ProofOfWorkKind): PageFamily {
  return {
    script: { globals: [], element: kind.name, addresses: kind.addresses },
    scan(context, max) {
      const { dom } = context
      const views = list<WidgetView>()
      let omitted = 0
      const roots = dom.roots()
      for (let index = 0; index < roots.size; index++) {
        const found = dom.all(roots[index] as Document, kind.name)
        for (let at = 0; at < found.length; at++) {
          if (views.size < max && at < MAX_FOUND) push(views, createView(context, kind, found[at] as Element))
          else omitted++
        }
      }
      return { views, omitted }
    },
  }
}

interface ProofOfWorkView extends WidgetView {
  facts(): ProofOfWorkFacts
  readonly element: Element
}

function createView(context: PageContext, kind: ProofOfWorkKind, element: Element): ProofOfWorkView {
  const { endpoint, onSubmit, visible, state, token, reason } = kind.inspect(context, element)
  return {
    element,
    facts: () => ({
      endpoint,
      onSubmit,
      visible,
      answered: state === 'answered',
      working: state === 'working' || state === 'needs-code',
    }),
    same: (other) => (other as ProofOfWorkView).element === element,
    proofOfWork(start) {
      const isIdle = state === 'idle' || state === 'failed'
      if (start && isIdle && startWork(context, kind, element)) return { state: 'started', token: '', reason: '' }
      return { state, token, reason: slice(context.p, reason ?? failureOf(element), 0, MAX_REASON_LENGTH) }
    },
    // Nothing is ever injected: the answer is the widget's own.
    inject: () => 'answered',
    notifyPage: () => 'notified',
    release() {},
  }
}

/** @returns whether the method was there to call: it is not until the vendor's script has run */
function startWork(context: PageContext, kind: ProofOfWorkKind, element: Element): boolean {
  const { p } = context
  try {
    const call = read(p, element, kind.method)
    if (typeof call !== 'function') return false
    listen(context, kind, element)
    const done: unknown = p.apply(call as () => unknown, element, [])
    // The element shows how it ended. An unhandled rejection would reach the page's own error handlers.
    if (thenable(done)) p.apply(done.then as (...args: never[]) => unknown, done, [() => {}, () => {}])
    return true
  } catch {
    return false
  }
}

interface FailureListener {
  readonly element: Element
  readonly listener: (event: Event) => void
  reason: string
}

const listeners: List<FailureListener> = list()

function listen(context: PageContext, kind: ProofOfWorkKind, element: Element): void {
  if (!kind.failure) return
  const known = listenerOf(element)
  if (known) {
    known.reason = ''
    return
  }
  const one: FailureListener = pushBounded(listeners, {
    element,
    listener(event: Event) {
      try {
        one.reason = kind.failure?.(context, event) ?? ''
      } catch {
        one.reason = ''
      }
    },
    reason: '',
  })
  context.p.apply(context.p.listen, element, ['error', one.listener])
}

function listenerOf(element: Element): FailureListener | undefined {
  for (let index = 0; index < listeners.size; index++) {
    if (listeners[index]?.element === element) return listeners[index]
  }
  return undefined
}

const failureOf = (element: Element): string => listenerOf(element)?.reason ?? ''

/** Removes our listeners from the page. */
export function stopListening({ p }: Pick<PageContext, 'p'>): void {
  while (listeners.size > 0) {
    const one = listeners[0] as FailureListener
    p.apply(p.unlisten, one.element, ['error', one.listener])
    remove(listeners, one)
  }
}

/** Our state for the vendor's word. */
export function stateOf({ p }: PageContext, states: Readonly<Record<string, State>>, word: string | undefined): State {
  return (word === undefined ? undefined : (own(p, states, word) as State | undefined)) ?? 'idle'
}
