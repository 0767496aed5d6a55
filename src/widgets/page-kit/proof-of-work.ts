import { thenable } from './api-watch.js'
import type { PageFamily, Place, WidgetView } from './family.js'
import { type List, list, note, push, remove } from './primordials.js'
import type { ProofOfWorkProgress } from './protocol.js'
import { own, read } from './safe-read.js'

type State = Exclude<ProofOfWorkProgress['state'], 'started'>

/** A widget that has the browser work out a proof, as it stands in the page. */
interface ProofOfWork {
  /** Where it gets its challenge from. */
  readonly endpoint: string | undefined
  /** Whether it begins by itself when the form is sent. */
  readonly onSubmit: boolean
  readonly visible: boolean
  readonly state: State
  /** Its answer, where a field holds one. */
  readonly token: string
  /** What the document shows of a failure. */
  readonly why?: string | undefined
}

/** One family of such widgets: elements of one name that do all of it themselves. */
interface Kind {
  /** The element's name. */
  readonly name: string
  /** The documented method that begins the work. */
  readonly method: string
  look(place: Place, element: Element): ProofOfWork
  /** What an `error` event says, where the document does not show it. */
  failure?(place: Place, event: Event): string
}

const MOST_FOUND = 1_000

/** They are only looked at, and begun as a page would begin them. */
export function proofOfWork(kind: Kind): PageFamily {
  return {
    gather(place, most) {
      const { dom } = place
      const seen = list<WidgetView>()
      let leftOut = 0
      const roots = dom.roots()
      for (let index = 0; index < roots.size; index++) {
        const found = dom.all(roots[index] as Document, kind.name)
        for (let at = 0; at < found.length; at++) {
          if (seen.size < most && at < MOST_FOUND) push(seen, describe(place, kind, found[at] as Element))
          else leftOut++
        }
      }
      return { seen, leftOut }
    },
  }
}

interface SeenWork extends WidgetView {
  readonly element: Element
}

function describe(place: Place, kind: Kind, element: Element): SeenWork {
  const { endpoint, onSubmit, visible, state, token, why } = kind.look(place, element)
  return {
    element,
    facts: {
      endpoint,
      onSubmit,
      visible,
      answered: state === 'answered',
      working: state === 'working' || state === 'needs-code',
    },
    same: (other) => (other as SeenWork).element === element,
    proofOfWork(start) {
      const rests = state === 'idle' || state === 'failed'
      if (start && rests && setOff(place, kind, element)) return { state: 'started', token: '', reason: '' }
      return { state, token, reason: why ?? told(element) }
    },
    // Nothing can be put in: the answer is the widget's own.
    inject: () => 'answered',
    notifyPage() {},
    release() {},
  }
}

/** Says whether there was something to set off: until the vendor's script has come, there is not. */
function setOff(place: Place, kind: Kind, element: Element): boolean {
  const { p } = place
  try {
    const call = read(p, element, kind.method)
    if (typeof call !== 'function') return false
    listen(place, kind, element)
    const done: unknown = p.apply(call as () => unknown, element, [])
    // How it ended the widget shows; a promise that nobody looks at would end in the page's own error handlers.
    if (thenable(done)) p.apply(done.then as (...args: never[]) => unknown, done, [() => {}, () => {}])
    return true
  } catch {
    return false
  }
}

interface Listening {
  readonly element: Element
  readonly listener: (event: Event) => void
  why: string
}

const listenings: List<Listening> = list()

function listen(place: Place, kind: Kind, element: Element): void {
  if (!kind.failure) return
  const known = of(element)
  if (known) {
    known.why = ''
    return
  }
  const one: Listening = note(listenings, {
    element,
    listener(event: Event) {
      try {
        one.why = kind.failure?.(place, event) ?? ''
      } catch {
        one.why = ''
      }
    },
    why: '',
  })
  place.p.apply(place.p.listen, element, ['error', one.listener])
}

function of(element: Element): Listening | undefined {
  for (let index = 0; index < listenings.size; index++) {
    if (listenings[index]?.element === element) return listenings[index]
  }
  return undefined
}

const told = (element: Element): string => of(element)?.why ?? ''

/** Takes our listeners out of the page. */
export function stopListening({ p }: Pick<Place, 'p'>): void {
  while (listenings.size > 0) {
    const one = listenings[0] as Listening
    p.apply(p.unlisten, one.element, ['error', one.listener])
    remove(listenings, one)
  }
}

/** A state by the vendor's word for it. */
export function stateOf({ p }: Place, states: Readonly<Record<string, State>>, word: string | undefined): State {
  return (word === undefined ? undefined : (own(p, states, word) as State | undefined)) ?? 'idle'
}
