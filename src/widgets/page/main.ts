// The page script: finds widgets and injects solutions. It is evaluated with the first call that needs it.
import { stopHidingChallenges } from '../page-kit/challenge-popup.js'
import { createDom } from '../page-kit/dom.js'
import { cancelTimers, runLater } from '../page-kit/expiry.js'
import type { PageContext, PageFamily, WidgetView } from '../page-kit/family.js'
import { fillOnceDrawn, stopFilling } from '../page-kit/late-drawing.js'
import { removeOverrides } from '../page-kit/method-override.js'
import { bare, includes, type List, list, push, pushBounded, remove } from '../page-kit/primordials.js'
import { stopListening } from '../page-kit/proof-of-work.js'
import type {
  FindReply,
  FrameHint,
  NotifyReply,
  PadReply,
  PageResult,
  PageSolution,
  ProofOfWorkProgress,
  ResultReply,
  SealedSolution,
  SealedText,
  WidgetHead,
} from '../page-kit/protocol.js'
import { hex, json, text } from '../page-kit/text.js'
import type { Main, Observer } from '../page-kit/watcher.js'
import { ChangeWaiter } from './change-waiter.js'
import { families } from './families.js'
import { installObserver } from './install.js'
import { unknownWidgets } from './unknown.js'

/** A one-time pad that no solution has used yet. */
interface Pad {
  readonly id: number
  readonly numbers: List<number>
}

interface KnownWidget {
  readonly id: string
  readonly family: PageFamily
  view: WidgetView
  /** A solution that was injected, for which the page's callback has not been called yet. */
  solution?: PageSolution
  /** The last injected token expired unused; whether the page had executed the widget by then, and how often. */
  expired?: { readonly executed: unknown; readonly executions: number | undefined }
  /** The solution that was injected last. */
  last?: PageSolution
}

/** Longer than every value that Node accepts, so that no clipped value is valid. */
const MAX_STRING_LENGTH = 4_200
/** The answer of a proof of work contains its challenge, and is longer than other tokens. */
const MAX_TOKEN_LENGTH = 20_000
const MAX_REASON_LENGTH = 200
const MAX_KNOWN = 1_000
/** How many random numbers are drawn at a time. */
const CHUNK = 1_024
const SECRET_LENGTH = 16

function createMain(observer: Observer): Main {
  const { p } = observer
  // What is only for a page's own solutions is taken from the page as it is now: the init script stays small.
  const { fromCharCode } = String
  const { crypto, Uint16Array: Numbers } = window
  const dom = createDom(p)
  const known = list<KnownWidget>()
  const pads = list<Pad>()
  // Random for each document, so that an id of another document never matches.
  const doc = `d${p.apply(p.slice, p.random().toString(36), [2, 12])}`
  let count = 0
  let padCount = 0
  const names = p.keys(families)
  const context: PageContext = { p, dom, observer, frames: list() }
  const changes = new ChangeWaiter(observer, dom)

  const idOf = (family: PageFamily, view: WidgetView): KnownWidget => {
    for (let index = known.size - 1; index >= 0; index--) {
      const entry = known[index] as KnownWidget
      if (entry.family === family && entry.view.same(view)) {
        entry.view = view
        remove(known, entry)
        return push(known, entry)
      }
    }
    // Drops the one that was not found for the longest time: those that are still in the page keep their ids.
    if (known.size >= MAX_KNOWN) remove(known, known[0] as KnownWidget)
    return push(known, { id: `${doc}-${count++}`, family, view })
  }

  /** A family's widgets. Where the page makes the scan throw there are none, which is reported. */
  const scan = (family: PageFamily, max: number) => {
    try {
      return { ...family.scan(context, max), failed: false }
    } catch {
      return { views: list<WidgetView>(), omitted: 0, failed: true }
    }
  }

  /** The widget as it is now, or why it cannot be found. */
  const locate = (id: string): { entry: KnownWidget; view: WidgetView } | { error: PageResult } => {
    if (p.apply(p.indexOf, id, [`${doc}-`]) !== 0) return { error: 'page-gone' }
    for (let index = 0; index < known.size; index++) {
      const entry = known[index] as KnownWidget
      if (entry.id !== id) continue
      dom.refresh()
      const { views } = scan(entry.family, MAX_KNOWN)
      for (let at = 0; at < views.size; at++) {
        const view = views[at] as WidgetView
        if (view.same(entry.view)) return { entry, view }
      }
    }
    return { error: 'widget-gone' }
  }

  /** The widget as it is now, if this solution is still the last that was injected into it. */
  const viewSince = (entry: KnownWidget, solution: PageSolution): WidgetView | undefined => {
    const now = entry.last === solution ? locate(entry.id) : undefined
    return now && 'view' in now ? now.view : undefined
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

  const answer = (result: PageResult) => json(p, { result } satisfies ResultReply, 100)

  const main: Main = {
    find({ max, frames }) {
      observer.begin()
      // The window has another document now: Node sends the script again, for that one.
      if (observer.main !== main) return ''
      const hints = list<FrameHint>()
      for (let index = 0; index < frames.length; index++) push(hints, frames[index] as FrameHint)
      ;(context as { frames: List<FrameHint> }).frames = hints
      let widgets = ''
      let found = 0
      let omitted = 0
      const sitekeys = list<string>()
      const listed = list<KnownWidget>()
      dom.refresh()
      for (let index = 0; index < names.length; index++) {
        const name = names[index] as string
        const family = families[name] as PageFamily
        const scanned = scan(family, max - found)
        omitted += scanned.omitted
        if (scanned.failed) widgets += `${widgets && ','}${json(p, { family: name, failed: true }, 100)}`
        for (let at = 0; at < scanned.views.size; at++, found++) {
          const view = scanned.views[at] as WidgetView
          const entry = idOf(family, view)
          const { id } = entry
          // Two views of one widget, which nothing tells apart.
          if (includes(listed, entry)) continue
          push(listed, entry)
          const { facts } = view
          // An execution after the token expired is a new one.
          const { expired } = entry
          const executedAgain = !expired?.executed || expired.executions !== view.executions?.()
          if (facts.answered || (facts.executed && executedAgain)) delete entry.expired
          const sitekey = text(facts.sitekey)
          if (sitekey) push(sitekeys, sitekey)
          const head = { id, family: name, expired: !!entry.expired } satisfies WidgetHead
          widgets += `${widgets && ','}${json(p, { ...head, ...facts }, MAX_STRING_LENGTH)}`
        }
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
        wasAnswered = !!viewSince(at.entry, solution)?.facts.answered
      })
      const made = dom.created
      made.size = 0
      const result = at.view.inject(solution)
      if (result === 'ok') {
        if (at.view.drawn === false) {
          const ours = list<Element>()
          for (let index = 0; index < made.size; index++) push(ours, made[index] as Element)
          fillOnceDrawn(context, solution, ours, () => viewSince(at.entry, solution))
        }
        at.entry.solution = solution
        at.entry.last = solution
        at.entry.view = at.view
        delete at.entry.expired
        runLater(context, solution.lifetimeMs, () => {
          const now = viewSince(at.entry, solution)
          if (!wasAnswered || !now || now.facts.answered) return
          at.entry.expired = { executed: now.facts.executed, executions: now.executions?.() }
          observer.onChange?.()
        })
      }
      return answer(result)
    },
    notifyPage(id) {
      for (let index = 0; index < known.size; index++) {
        const entry = known[index] as KnownWidget
        const { solution } = entry
        if (entry.id !== id || !solution) continue
        // Deleted before the call: the page's code may call this again.
        delete entry.solution
        const result = entry.view.notifyPage(solution)
        return json(p, { result } satisfies NotifyReply, 100)
      }
      return answer('page-gone')
    },
    release(id) {
      for (let index = 0; index < known.size; index++) {
        const entry = known[index] as KnownWidget
        if (entry.id === id) entry.view.release()
      }
      return answer('ok')
    },
    proofOfWork(id, start) {
      const at = locate(id)
      if ('error' in at) return answer(at.error)
      const idle: ProofOfWorkProgress = { state: 'failed', token: '', reason: '' }
      const { state, token, reason } = at.view.proofOfWork?.(start) ?? idle
      const clipped = {
        state,
        token,
        reason: p.apply(p.slice, reason, [0, MAX_REASON_LENGTH]),
      } satisfies ProofOfWorkProgress
      return json(p, clipped, MAX_TOKEN_LENGTH)
    },
    seesFrame: (element) => dom.seen(element, element),
    wait: (ticket, request, ms) => changes.wait(ticket, ms, () => main.find(request)),
    endWait(ticket) {
      changes.end(ticket)
      return answer('ok')
    },
    isSameDocument: (id) => answer(p.apply(p.indexOf, id, [`${doc}-`]) === 0 ? 'ok' : 'page-gone'),
    undo() {
      cancelTimers(context)
      stopHidingChallenges(context)
      stopFilling(context)
      stopListening(context)
      removeOverrides()
      changes.endAll()
    },
  }
  return main
}

const observer = installObserver()
observer.watchAll()
observer.main ??= createMain(observer)
