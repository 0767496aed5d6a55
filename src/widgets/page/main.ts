// The core script: finds widgets and injects solutions, by the families that are added to it. It is evaluated with the
// first call that needs it, and takes the built-ins that the init script has saved.
import { scriptState } from '../page-kit/blocked.js'
import { createDom, type Dom } from '../page-kit/dom.js'
import { cancelTimers, runLater } from '../page-kit/expiry.js'
import type { PageContext, PageFamily, WidgetView } from '../page-kit/family.js'
import type { LateDrawing } from '../page-kit/late-drawing.js'
import { bare, find, includes, type List, list, push, pushBounded, remove } from '../page-kit/primordials.js'
import type {
  FindReply,
  FindRequest,
  FrameHint,
  NotifyReply,
  PadReply,
  PageResult,
  PageSolution,
  ProofOfWorkProgress,
  ResultReply,
  SealedSolution,
  SealedText,
  WaitReply,
  WidgetHead,
} from '../page-kit/protocol.js'
import { hex, json, text } from '../page-kit/text.js'
import type { Main, Observer } from '../page-kit/watcher.js'
import type { ChangeWaiter } from './change-waiter.js'
import { KEY } from './install.js'
import { shownFamilies } from './shown-families.js'
import { signs } from './signs.js'
import { unknownWidgets } from './unknown.js'

/** The core script's object in a window: what Node calls, and to what each family's script adds its family. */
export interface ExtensibleMain extends Main {
  /**
   * Adds a family, unless it is there.
   *
   * @param undo removes everything of it from the page
   */
  add(name: string, family: PageFamily, undo: () => void): void
  /** Adds what waits for changes, and for what a vendor's script draws late, unless it is there. */
  addWaiter(create: (observer: Observer, dom: Dom) => ChangeWaiter, drawing: LateDrawing): void
}

/** A one-time pad that no solution has used yet. */
interface Pad {
  readonly id: number
  readonly numbers: List<number>
}

type Facts = Readonly<Record<string, string | boolean | undefined>>

interface KnownWidget {
  readonly id: string
  /** Counts the widgets, in the order in which they were first found. */
  readonly number: number
  readonly family: string
  view: WidgetView
  /** The answer and the vendor's id that it had when it was last found. */
  answer?: string | undefined
  ownId?: unknown
  /** A solution that was injected, for which the page's callback has not been called yet. */
  solution?: PageSolution
  /** How that call ended, of the last solution. */
  callbackResult?: NotifyReply['result']
  /** The last injected token expired unused; whether the page had executed the widget by then, and how often. */
  expired?: { readonly executed: unknown; readonly executions: number | undefined }
  /** The solution that was injected last. */
  last?: PageSolution
}

/** Longer than every value that Node accepts, so that no clipped value is valid. */
const MAX_STRING_LENGTH = 4_200
/** The answer of a proof of work contains its challenge, and is longer than other tokens. */
const MAX_TOKEN_LENGTH = 20_000
const MAX_KNOWN = 1_000
/** How many random numbers are drawn at a time. */
const CHUNK = 256
const SECRET_LENGTH = 16
const DOC_LENGTH = 3

function createMain(observer: Observer): ExtensibleMain {
  const { p } = observer
  // What is only for a page's own solutions is taken from the page as it is now: the init script stays small.
  const { fromCharCode } = String
  const { crypto, Uint16Array: Numbers } = window
  const dom = createDom(p, observer)
  const known = list<KnownWidget>()
  const pads = list<Pad>()
  let count = 0
  let padCount = 0
  /** In the order in which widgets are listed. */
  const names = p.keys(signs)
  const families = bare<PageFamily>()
  const undos = list<() => void>()
  const context: PageContext = { p, dom, observer, frames: list() }
  let isWaiting = false
  let changes: ChangeWaiter | undefined
  let late: LateDrawing | undefined

  const idOf = (family: string, view: WidgetView): KnownWidget => {
    for (let index = known.size - 1; index >= 0; index--) {
      const entry = known[index] as KnownWidget
      if (entry.family === family && entry.view.same(view)) {
        entry.view = view
        remove(known, entry)
        return remember(push(known, entry))
      }
    }
    // Drops the one that was not found for the longest time: those that are still in the page keep their ids.
    if (known.size >= MAX_KNOWN) remove(known, known[0] as KnownWidget)
    return remember(push(known, { id: `${doc}-${count}`, number: count++, family, view }))
  }

  const remember = (entry: KnownWidget): KnownWidget => {
    entry.answer = entry.view.answer
    entry.ownId ??= entry.view.ownId
    return entry
  }

  /** Whether an answer was injected into a widget. */
  const isOurs = ({ last }: KnownWidget, answer: string): boolean => {
    if (!last || last.token === answer) return !!last
    for (const name in last.fields) if (last.fields[name] === answer) return true
    return false
  }

  const hasHeld = (entry: KnownWidget, answer: string): boolean => entry.answer === answer || isOurs(entry, answer)

  /**
   * Whether a widget is a copy, which a page makes by `cloneNode` or `innerHTML`: it has the answer of an earlier one,
   * and the vendor's API knows it by no id of its own. Vendors give the same answer to two widgets with a test key, and
   * know both.
   *
   * @param since the number of the first widget that was not known before this search
   */
  const isCopy = (entry: KnownWidget, since: number): boolean => {
    const { family, number, answer } = entry
    const { ownId, copied } = entry.view
    for (let index = 0; answer && index < known.size; index++) {
      const other = known[index] as KnownWidget
      if (other === entry || other.family !== family || !hasHeld(other, answer) || isOurs(entry, answer)) continue
      const isEarlier = other.number < number || (number >= since && ownId === undefined && other.ownId !== undefined)
      if (isEarlier && (ownId === undefined || ownId === other.ownId)) return true
    }
    return copied === true && entry.ownId === undefined
  }

  /** A family's widgets. Where the page makes the scan throw there are none, which is reported. */
  const scan = (family: PageFamily, max: number) => {
    try {
      return { ...family.scan(context, max), failed: false }
    } catch {
      return { views: list<WidgetView>(), omitted: 0, failed: true }
    }
  }

  const knownAs = (id: string) => find(known, (one) => one.id === id)

  /** The widget as it is now, or why it cannot be found. */
  const locate = (id: string): { entry: KnownWidget; view: WidgetView } | { error: PageResult } => {
    if (p.apply(p.indexOf, id, [`${doc}-`]) !== 0) return { error: 'page-gone' }
    const entry = knownAs(id)
    if (entry) {
      dom.refresh()
      const { views } = scan(families[entry.family] as PageFamily, MAX_KNOWN)
      const view = find(views, (one) => one.same(entry.view))
      if (view) return { entry, view }
    }
    return { error: 'widget-gone' }
  }

  /** The widget as it is now, if this solution is still the last that was injected into it. */
  const viewSince = (entry: KnownWidget, solution: PageSolution): WidgetView | undefined => {
    const now = entry.last === solution ? locate(entry.id) : undefined
    return !now || 'error' in now ? undefined : now.view
  }

  /** What is reported of it, if that can be read. */
  const factsOf = (view: WidgetView | undefined): Facts | undefined => {
    try {
      return view?.facts()
    } catch {
      return undefined
    }
  }

  const randomNumbers = (length: number): List<number> => {
    const numbers = list<number>()
    while (numbers.size < length) {
      const chunk = new Numbers(CHUNK)
      crypto.getRandomValues(chunk)
      for (let index = 0; index < CHUNK && numbers.size < length; index++) push(numbers, chunk[index] as number)
    }
    return numbers
  }

  const secret = hex(randomNumbers(SECRET_LENGTH))
  // Random for each document, so that an id of another document never matches.
  const doc = `d${hex(randomNumbers(DOC_LENGTH))}`

  /** The solution that was sealed with a pad, and the end of that pad; undefined if this document has no such pad. */
  const open = ({ pad: id, token, fields, lifetimeMs, unlessAnswered }: SealedSolution): PageSolution | undefined => {
    for (let index = 0; index < pads.size; index++) {
      const pad = pads[index] as Pad
      if (pad.id !== id) continue
      remove(pads, pad)
      let used = 0
      const read = (sealed: SealedText): string => {
        let opened = ''
        for (let at = 0; at < sealed.length; at++) {
          opened += p.apply(fromCharCode, String, [(sealed[at] as number) ^ (pad.numbers[used++] as number)])
        }
        return opened
      }
      const opened = { token: read(token), fields: bare<string>(), lifetimeMs, unlessAnswered }
      const sealedNames = p.keys(fields)
      for (let at = 0; at < sealedNames.length; at++) {
        const name = sealedNames[at] as string
        opened.fields[name] = read(fields[name] as SealedText)
      }
      return opened
    }
    return undefined
  }

  /** Calls the page's callback, once for each solution. @returns how that ended, of the last one */
  const notify = (entry: KnownWidget): NotifyReply['result'] | undefined => {
    const { solution } = entry
    // Deleted before the call: the page's code may call this again.
    delete entry.solution
    if (solution) entry.callbackResult = entry.view.notifyPage(solution)
    return entry.callbackResult
  }

  const answer = (result: PageResult) => json(p, { result } satisfies ResultReply, 100)

  /** A `MissingReply`, or an empty text if no family is missing. */
  const missing = ({ families: named }: FindRequest): string => {
    dom.refresh()
    const shown = shownFamilies(context, (name) => !!families[name])
    for (let index = 0; index < named.length; index++) {
      const name = named[index] as string
      if (signs[name] && !families[name] && !includes(shown, name)) push(shown, name)
    }
    let written = ''
    for (let index = 0; index < shown.size; index++) written += `${written && ','}${p.stringify(shown[index])}`
    return written && `{"missing":[${written}]}`
  }

  const main: ExtensibleMain = {
    add(name, family, undo) {
      if (families[name]) return
      families[name] = family
      push(undos, undo)
    },
    addWaiter(create, drawing) {
      changes ??= create(observer, dom)
      late ??= drawing
    },
    find(request) {
      observer.begin()
      // The window has another document now: Node sends the script again, for that one.
      if (observer.main !== main) return ''
      const incomplete = missing(request)
      if (incomplete) return incomplete
      const { max, frames } = request
      const hints = list<FrameHint>()
      for (let index = 0; index < frames.length; index++) {
        const frame = frames[index] as FrameHint
        if (!dom.isTakenFrame(frame)) push(hints, frame)
      }
      ;(context as { frames: List<FrameHint> }).frames = hints
      let widgets = ''
      let found = 0
      let omitted = 0
      const sitekeys = list<string>()
      const listed = list<KnownWidget>()
      const blocked = list<KnownWidget>()
      const since = count
      const addSitekey = (facts: Facts | undefined): void => {
        const sitekey = text(facts?.sitekey)
        if (sitekey) push(sitekeys, sitekey)
      }
      for (let index = 0; index < names.length; index++) {
        const name = names[index] as string
        const family = families[name]
        if (!family) continue
        const scanned = scan(family, max - found)
        omitted += scanned.omitted
        if (scanned.failed) widgets += `${widgets && ','}${json(p, { family: name, failed: true }, 100)}`
        const state = scanned.views.size > 0 && family.script && scriptState(context, family.script)
        for (let at = 0; at < scanned.views.size; at++, found++) {
          const view = scanned.views[at] as WidgetView
          if (view.drawn === false && state === 'withheld') {
            addSitekey(factsOf(view))
            continue
          }
          const entry = idOf(name, view)
          // Two views of one widget, which nothing distinguishes.
          if (includes(listed, entry)) continue
          push(listed, entry)
          if (!view.drawn && state === 'blocked') push(blocked, entry)
        }
      }
      for (let index = 0; index < listed.size; index++) {
        const entry = listed[index] as KnownWidget
        const { id, view, expired, family } = entry
        const facts = factsOf(view)
        if (!facts) {
          omitted++
          continue
        }
        // An execution after the token expired is a new one.
        const executedAgain = !expired?.executed || expired.executions !== view.executions?.()
        if (facts.answered || (facts.executed && executedAgain)) delete entry.expired
        addSitekey(facts)
        const head = {
          id,
          family,
          expired: !!entry.expired,
          blocked: includes(blocked, entry) || view.blocked === true,
          copy: isCopy(entry, since),
        } satisfies WidgetHead
        // Where a page is scrolled to is no change for which a wait ends.
        const { inViewport, ...others } = facts
        const reported = isWaiting ? others : facts
        widgets += `${widgets && ','}${json(p, { ...head, ...reported }, MAX_STRING_LENGTH)}`
      }
      const roots = dom.unsearchedRoots()
      const reply = { doc, secret, origin: observer.origin, omitted, roots, loading: dom.loading() }
      const head = json(p, reply satisfies Omit<FindReply, 'widgets' | 'unknown'>, 300)
      const unknown = unknownWidgets(context, omitted === 0 ? sitekeys : undefined)
      return `${p.apply(p.slice, head, [0, -1])},"widgets":[${widgets}],"unknown":${unknown}}`
    },
    pad(length) {
      const numbers = randomNumbers(length)
      pushBounded(pads, { id: ++padCount, numbers })
      return json(p, { secret, id: padCount, numbers: hex(numbers) } satisfies PadReply, length * 4 + SECRET_LENGTH * 4)
    },
    inject(id, sealed) {
      const at = locate(id)
      if ('error' in at) return answer(at.error)
      const solution = open(sealed)
      if (!solution) return answer('page-gone')
      // These two timers run before and after the family's own, which clears the token: was it there before, and is it
      // gone after?
      let wasAnswered = false
      runLater(context, solution.lifetimeMs, () => {
        wasAnswered = !!factsOf(viewSince(at.entry, solution))?.answered
      })
      const made = dom.created
      made.size = 0
      const result = at.view.inject(solution)
      if (result === 'ok') {
        if (at.view.drawn === false) {
          const ours = list<Element>()
          for (let index = 0; index < made.size; index++) push(ours, made[index] as Element)
          late?.fillOnceDrawn(context, solution, ours, () => viewSince(at.entry, solution))
        }
        at.entry.solution = solution
        delete at.entry.callbackResult
        at.entry.last = solution
        at.entry.view = at.view
        delete at.entry.expired
        // In a task of its own: this call has replied by then, and the page's code may end the document.
        runLater(context, 0, () => notify(at.entry))
        runLater(context, solution.lifetimeMs, () => {
          const now = viewSince(at.entry, solution)
          const facts = factsOf(now)
          if (!wasAnswered || !facts || facts.answered) return
          at.entry.expired = { executed: facts.executed, executions: now?.executions?.() }
          observer.onChange?.()
        })
      }
      return answer(result)
    },
    notifyPage(id) {
      const entry = knownAs(id)
      const result = entry?.last && notify(entry)
      return result ? json(p, { result } satisfies NotifyReply, 100) : answer('page-gone')
    },
    release(id) {
      knownAs(id)?.view.release()
      return answer('ok')
    },
    proofOfWork(id, start) {
      const at = locate(id)
      if ('error' in at) return answer(at.error)
      const idle: ProofOfWorkProgress = { state: 'failed', token: '', reason: '' }
      return json(p, at.view.proofOfWork?.(start) ?? idle, MAX_TOKEN_LENGTH)
    },
    seesFrame: (element) => dom.seen(element, element),
    wait(ticket, request, ms) {
      const changed = (resolve: (reply: string) => void) => {
        resolve(json(p, { result: 'changed' } satisfies WaitReply, 100))
      }
      if (!changes || missing(request)) return new p.Promise(changed)
      return changes.wait(ticket, ms, () => {
        isWaiting = true
        try {
          return main.find(request)
        } finally {
          isWaiting = false
        }
      })
    },
    endWait(ticket) {
      changes?.end(ticket)
      return answer('ok')
    },
    isSameDocument: (id) => answer(p.apply(p.indexOf, id, [`${doc}-`]) === 0 ? 'ok' : 'page-gone'),
    undo() {
      cancelTimers(context)
      for (let index = 0; index < undos.size; index++) undos[index]?.()
      late?.stopFilling(context)
      changes?.endAll()
    },
  }
  return main
}

const observer = window[KEY]
if (observer) {
  observer.begin()
  observer.watchAll()
  observer.main ??= createMain(observer)
}
