// What finds widgets and puts solutions into the page: comes with the first call that needs it.
import { leaveChallenges } from '../page-kit/challenge-popup.js'
import { createDom } from '../page-kit/dom.js'
import { callOffExpiries, later } from '../page-kit/expiry.js'
import type { PageFamily, Place, WidgetView } from '../page-kit/family.js'
import { takeShadowsAway } from '../page-kit/method-override.js'
import { type List, list, push, remove } from '../page-kit/primordials.js'
import { stopListening } from '../page-kit/proof-of-work.js'
import type {
  FindReply,
  FrameHint,
  PageResult,
  PageSolution,
  ProofOfWorkProgress,
  ResultReply,
  WidgetHead,
} from '../page-kit/protocol.js'
import { json, text } from '../page-kit/text.js'
import type { Main, Observer } from '../page-kit/watcher.js'
import { Changes } from './change-waiter.js'
import { families } from './families.js'
import { installObserver } from './install.js'
import { strangers } from './unknown.js'

interface Known {
  readonly id: string
  readonly family: PageFamily
  seen: WidgetView
  /** A solution was put in and the page was not yet told. */
  solution?: PageSolution
  /** The token that was put in last grew too old where it stood; whether the page had the widget set off by then, and how often. */
  expired?: { readonly executed: unknown; readonly executions: number | undefined }
  /** The solution that was put in last. */
  last?: PageSolution
}

/** Longer than anything that is allowed on the other side, so that nothing is cut into something valid. */
const LONGEST = 4_200
/** A proof of work holds its challenge again, and is longer than other tokens. */
const LONGEST_TOKEN = 20_000
const MOST_REASON = 200
const MOST_KNOWN = 1_000

function install(observer: Observer): Main {
  const { p } = observer
  const dom = createDom(p)
  const known = list<Known>()
  // Unguessable from outside, new for each document: an id from another document is never taken for one of ours.
  const doc = `d${p.apply(p.slice, p.random().toString(36), [2, 12])}`
  let count = 0
  const names = p.keys(families)
  const place: Place = { p, dom, observer, frames: list() }
  const changes = new Changes(observer, dom)

  const idOf = (family: PageFamily, seen: WidgetView): Known => {
    for (let index = known.size - 1; index >= 0; index--) {
      const entry = known[index] as Known
      if (entry.family === family && entry.seen.same(seen)) {
        entry.seen = seen
        remove(known, entry)
        return push(known, entry)
      }
    }
    // The one that was not seen for longest: a page that draws widgets all day still keeps the names of those that stand.
    if (known.size >= MOST_KNOWN) remove(known, known[0] as Known)
    return push(known, { id: `${doc}-${count++}`, family, seen })
  }

  /** A family's widgets; none where the page lets nobody look for them, and that counts as one that makes no sense. */
  const gather = (family: PageFamily, most: number) => {
    try {
      return { ...family.gather(place, most), broken: '' }
    } catch {
      return { seen: list<WidgetView>(), leftOut: 0, broken: 'null' }
    }
  }

  /** The widget as it stands now, with `error` where it does not. */
  const look = (id: string): { entry: Known; seen: WidgetView } | { error: PageResult } => {
    if (p.apply(p.indexOf, id, [`${doc}-`]) !== 0) return { error: 'page-gone' }
    for (let index = 0; index < known.size; index++) {
      const entry = known[index] as Known
      if (entry.id !== id) continue
      dom.look()
      const { seen } = gather(entry.family, MOST_KNOWN)
      for (let at = 0; at < seen.size; at++) {
        if ((seen[at] as WidgetView).same(entry.seen)) return { entry, seen: seen[at] as WidgetView }
      }
    }
    return { error: 'widget-gone' }
  }

  /** How a widget stands, if this solution is the last that was put into it. */
  const since = (entry: Known, solution: PageSolution): WidgetView | undefined => {
    const now = entry.last === solution ? look(entry.id) : undefined
    return now && 'seen' in now ? now.seen : undefined
  }

  const answer = (result: PageResult) => json(p, { result } satisfies ResultReply, 100)

  const main: Main = {
    find({ max, frames }) {
      observer.begin()
      const hints = list<FrameHint>()
      for (let index = 0; index < frames.length; index++) push(hints, frames[index] as FrameHint)
      ;(place as { frames: List<FrameHint> }).frames = hints
      let widgets = ''
      let found = 0
      let leftOut = 0
      const sitekeys = list<string>()
      dom.look()
      for (let index = 0; index < names.length; index++) {
        const name = names[index] as string
        const family = families[name] as PageFamily
        const gathered = gather(family, max - found)
        leftOut += gathered.leftOut
        if (gathered.broken) widgets += `${widgets && ','}${gathered.broken}`
        for (let at = 0; at < gathered.seen.size; at++, found++) {
          const seen = gathered.seen[at] as WidgetView
          const entry = idOf(family, seen)
          const { id } = entry
          const { facts } = seen
          // Set off again since: that is another asking.
          const { expired } = entry
          const anew = !expired?.executed || expired.executions !== seen.executions?.()
          if (facts.answered || (facts.executed && anew)) delete entry.expired
          const sitekey = text(facts.sitekey)
          if (sitekey) push(sitekeys, sitekey)
          const head = { id, family: name, expired: !!entry.expired } satisfies WidgetHead
          widgets += `${widgets && ','}${json(p, { ...head, ...facts }, LONGEST)}`
        }
      }
      const roots = dom.unseen()
      const reply = { doc, origin: observer.origin, leftOut, roots, loading: dom.loading() }
      const head = json(p, reply satisfies Omit<FindReply, 'widgets' | 'unknown'>, 300)
      const unknown = strangers(place, leftOut === 0 ? sitekeys : undefined)
      return `${p.apply(p.slice, head, [0, -1])},"widgets":[${widgets}],"unknown":${unknown}}`
    },
    inject(id, solution) {
      const at = look(id)
      if ('error' in at) return answer(at.error)
      // These two frame the family's own timer, which takes the token away: was it there before, and is it not after?
      let stood = false
      later(place, solution.lifetimeMs, () => {
        stood = !!since(at.entry, solution)?.facts.answered
      })
      const result = at.seen.inject(solution)
      if (result === 'ok') {
        at.entry.solution = solution
        at.entry.last = solution
        at.entry.seen = at.seen
        delete at.entry.expired
        later(place, solution.lifetimeMs, () => {
          const now = since(at.entry, solution)
          if (!stood || !now || now.facts.answered) return
          at.entry.expired = { executed: now.facts.executed, executions: now.executions?.() }
          observer.onChange?.()
        })
      }
      return answer(result)
    },
    notifyPage(id) {
      for (let index = 0; index < known.size; index++) {
        const entry = known[index] as Known
        const { solution } = entry
        if (entry.id !== id || !solution) continue
        // Before the call, not after it: the page's code may find its way back here.
        delete entry.solution
        entry.seen.notifyPage(solution)
        return answer('ok')
      }
      return answer('page-gone')
    },
    release(id) {
      for (let index = 0; index < known.size; index++) {
        const entry = known[index] as Known
        if (entry.id === id) entry.seen.release()
      }
      return answer('ok')
    },
    proofOfWork(id, start) {
      const at = look(id)
      if ('error' in at) return answer(at.error)
      const idle: ProofOfWorkProgress = { state: 'failed', token: '', reason: '' }
      const { state, token, reason } = at.seen.proofOfWork?.(start) ?? idle
      const clipped = { state, token, reason: p.apply(p.slice, reason, [0, MOST_REASON]) } satisfies ProofOfWorkProgress
      return json(p, clipped, LONGEST_TOKEN)
    },
    wait: (ticket, request, ms) => changes.wait(ticket, ms, () => main.find(request)),
    endWait(ticket) {
      changes.end(ticket)
      return answer('ok')
    },
    isSameDocument: (id) => answer(p.apply(p.indexOf, id, [`${doc}-`]) === 0 ? 'ok' : 'page-gone'),
    undo() {
      callOffExpiries(place)
      leaveChallenges(place)
      stopListening(place)
      takeShadowsAway()
      changes.endAll()
    },
  }
  return main
}

const observer = installObserver()
observer.watchAll()
observer.main ??= install(observer)
