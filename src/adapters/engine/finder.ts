import type { Challenge } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { findCall, waitCall } from '../../widgets/calls.js'
import { type FrameReading, MAX_WIDGETS_PER_FRAME, parseFound, type WidgetReading } from '../../widgets/parse.js'
import { type UnknownWidget, unknownIn } from '../../widgets/unknown.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverFrame, DriverPage, FrameHolder } from '../driver.js'
import { type AskHolder, addressOf, frameAddress, inheritedOrigin, isBlank, judgedBy, ownerOf } from './frame-url.js'
import { pageClosed, pageGone } from './page-errors.js'
import { PageLoads } from './page-load-tracker.js'
import { evaluateWithin, refreshWithin, within } from './timeouts.js'
import { framesOf, type Hint, isPlaced, MOST_FRAMES } from './vendor-frames.js'

/** What a look at a page did not take in, because there was too much of it or because it did not answer. */
export interface Omitted {
  /** Widgets beyond 50 in one frame or 200 in the page. */
  readonly widgets: number
  /** Widgets that the page told nonsense of. */
  readonly malformed: number
  /** Frames that did not answer in time, or not at all. */
  readonly unresponsive: number
  /** Frames beyond 100, and open shadow roots beyond 1,000 in one of them. */
  readonly frames: number
}

/** The widgets of a page, what looks like one and is none that we know, and what was left out. */
export type Found = readonly FoundChallenge[] & {
  readonly unknown: readonly UnknownWidget[]
  readonly leftOut: Omitted
  /** Which load of the page they are of: whoever hands one of them to `guard.solve` says it there. */
  readonly pageLoad: object
}

/** What a look at a page gave. */
export interface Look {
  readonly places: Place[]
  readonly unknown: UnknownWidget[]
  readonly leftOut: Omitted
  readonly load: object
}

/** A look as callers get it: the list is of the widgets, and tells the rest when asked. */
export function foundIn({ places, unknown, leftOut, load }: Look): Found {
  const list = places.map(({ challenge }) => challenge)
  return Object.defineProperties(list, {
    unknown: { value: unknown },
    leftOut: { value: leftOut },
    pageLoad: { value: load },
  }) as unknown as Found
}

/** Where a widget stands. */
export interface Place {
  readonly page: DriverPage
  readonly frame: DriverFrame
  /** The page's own name for the widget. */
  readonly id: string
  readonly challenge: FoundChallenge
  /** Which load of the page it stands in. */
  readonly load: object
  /** Whether its document was still being loaded. */
  readonly loading: boolean
  /** Whose document that was, see `ownerOf`. */
  readonly owner: string
}

/** Where something stands that is no widget: its document, and the addresses that it is judged by. */
export interface Whereabouts
  extends Pick<Place, 'page' | 'frame' | 'id' | 'load' | 'owner'>,
    Pick<Challenge, 'pageUrl' | 'frameUrl'> {}

const MOST_WIDGETS = 200
const MOST_UNKNOWN = 50

/** What is known of a frame that answered, but with nothing that can be read. */
const NONSENSE: FrameReading = {
  doc: '',
  origin: '',
  loading: false,
  widgets: [],
  signs: [],
  leftOut: 0,
  roots: 0,
  malformed: 1,
}

const requestFor = (hints: readonly Hint[]) => ({
  most: MAX_WIDGETS_PER_FRAME,
  frames: hints.map(({ name, url }) => ({ name, url })),
})

const documentOf = (frame: DriverFrame): string => `${frame.documents?.() ?? 0} ${frame.url()}`

/** Looks for widgets; keeps in mind which frames have our code already, and which names frames were given. */
export class Finder {
  readonly #clock: Clock
  readonly #evaluateMs: number
  /** Frames where the last look found our code; it is sent along to the others. */
  readonly #prepared = new WeakSet<DriverFrame>()
  readonly #numbers = new WeakMap<DriverFrame, number>()
  readonly #loads = new PageLoads()
  #count = 0

  constructor(clock: Clock, evaluateMs: number) {
    this.#clock = clock
    this.#evaluateMs = evaluateMs
  }

  /**
   * All widgets of a page, one round trip for each frame, all frames at once.
   * @throws SolveguardError `PAGE_GONE` if it was closed, `PAGE_UNRESPONSIVE` if no frame of it answered
   */
  async find(page: DriverPage): Promise<Look> {
    const answered = await refreshWithin(this.#clock, page, this.#evaluateMs)
    if (page.isClosed()) throw pageClosed()
    if (!answered) throw unanswered(page)
    let all = page.frames()
    let own = [...framesOf(page)]
    let { readings, moved } = await this.#readAll(page, own)
    for (let attempt = 1; moved && attempt < 3; attempt++) {
      all = page.frames()
      own = [...framesOf(page)]
      ;({ readings, moved } = await this.#readAll(page, own))
    }
    if (page.isClosed()) throw pageClosed()
    const left = { widgets: 0, malformed: 0, unresponsive: 0, frames: Math.max(all.length - MOST_FRAMES, 0) }
    const load = this.#loads.of(page, readings[0]?.doc)
    const places: Place[] = []
    const unknown: UnknownWidget[] = []
    for (const [index, [frame]] of own.entries()) {
      const reading = readings[index]
      // A frame that went away while it was asked has nothing to tell, and nothing to leave out.
      if (!reading && frame.isDetached()) continue
      if (!reading) left.unresponsive++
      else {
        left.malformed += reading.malformed
        left.widgets += reading.leftOut
        left.frames += reading.roots
        if (reading.signs.length > 0) {
          unknown.push(...unknownIn(reading.signs, this.#addresses(page, frame, reading.origin)))
        }
        for (const widget of reading.widgets) {
          if (places.length < MOST_WIDGETS) places.push(this.#place(page, frame, load, reading, widget))
          else left.widgets++
        }
      }
    }
    if (readings.every((reading) => !reading)) throw unanswered(page)
    return { places, unknown: unknown.slice(0, MOST_UNKNOWN), leftOut: left, load }
  }

  /** Looks at one widget again. */
  async again(place: Place): Promise<FoundChallenge | undefined> {
    if (!(await refreshWithin(this.#clock, place.page, this.#evaluateMs))) return undefined
    if (place.page.isClosed() || place.frame.isDetached()) return undefined
    const reading = await this.#read(place.frame, framesOf(place.page).get(place.frame) ?? [])
    const widget = reading?.widgets.find(({ id }) => id === place.id)
    if (!reading || !widget) return undefined
    const { owner, challenge } = this.#place(place.page, place.frame, place.load, reading, widget)
    // Another document may have learnt its name: what was asked for one origin's widget is never another's.
    const same = owner === place.owner && judgedBy(challenge) === judgedBy(place.challenge)
    return same ? challenge : undefined
  }

  /**
   * Where something stands that the caller named: the document, by an id of it, and the addresses that it is judged by.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   */
  async where(page: DriverPage, frame: DriverFrame): Promise<Whereabouts> {
    await refreshWithin(this.#clock, page, this.#evaluateMs)
    const [main = frame] = page.frames()
    const asked = page.isClosed() || frame.isDetached() ? [] : [...new Set([main, frame])]
    const { readings } = await this.#readAll(
      page,
      asked.map((one) => [one, []]),
      true,
    )
    const reading = readings[asked.indexOf(frame)]
    if (!reading) throw frame.isDetached() ? pageGone() : unanswered(page)
    const load = this.#loads.of(page, readings[0]?.doc)
    return {
      page,
      frame,
      load,
      owner: ownerOf(frame),
      id: `${reading.doc}-0`,
      ...this.#addresses(page, frame, reading.origin),
    }
  }

  /**
   * Waits in a frame until a look at it would find something else, for at most `ms`. Looks that are begun after this see what is not waited
   * for. Never rejects, and may end for no reason.
   */
  async wait(frame: DriverFrame, hints: readonly Hint[], ticket: string, ms: number): Promise<void> {
    const call = waitCall(ticket, requestFor(hints), ms, !this.#prepared.has(frame))
    await within(this.#clock, ms + this.#evaluateMs, () => frame.settled?.(call) ?? Promise.resolve())
  }

  /**
   * What frames say. Where a tool has to be asked for addresses, only what was said by documents that were there before and after
   * it: nothing is judged by the address of the document that was there before it.
   */
  async #readAll(
    page: DriverPage,
    own: readonly (readonly [DriverFrame, readonly Hint[]])[],
    named = false,
  ): Promise<{ readings: (FrameReading | undefined)[]; moved: boolean }> {
    const standing = () => {
      const [main] = page.frames()
      return own.map(([frame]) => `${main && documentOf(main)} ${documentOf(frame)}`)
    }
    const before = standing()
    const readings = await Promise.all(own.map(([frame, hints]) => this.#read(frame, hints, named)))
    if (!page.refresh) return { readings, moved: false }
    const answered = await refreshWithin(this.#clock, page, this.#evaluateMs)
    const after = standing()
    const stayed = before.map((one, index) => answered && one === after[index])
    return {
      readings: readings.map((reading, index) => (stayed[index] ? reading : undefined)),
      moved: stayed.includes(false),
    }
  }

  /** @param named whether its origin is wanted though there be nothing in it */
  async #read(frame: DriverFrame, hints: readonly Hint[], named = false): Promise<FrameReading | undefined> {
    const reading = await this.#sure(frame, hints)
    if (!reading || !isBlank(frame.url())) return reading
    if (!named && reading.widgets.length === 0 && reading.signs.length === 0) return reading
    return { ...reading, origin: await inheritedOrigin(frame, reading.origin, this.#holderOf) }
  }

  /**
   * What a frame says, without widgets that are none of its own. Where nothing but a vendor's frame tells of one, that frame may have gone with
   * the document before this one, or may be somebody else's, who went to the vendor's address by himself.
   */
  async #sure(frame: DriverFrame, hints: readonly Hint[]): Promise<FrameReading | undefined> {
    const reading = await this.#ask(frame, hints)
    if (!reading?.widgets.some(({ hinted }) => hinted)) return reading
    const placed = await Promise.all(hints.map((hint) => isPlaced(hint.frame, this.#holderOf)))
    return placed.includes(false)
      ? this.#ask(
          frame,
          hints.filter((_, index) => placed[index]),
        )
      : reading
  }

  /** The element that a frame stands in, or nothing where that is not told in time. */
  readonly #holderOf: AskHolder = async (frame) => {
    const reply = await within(this.#clock, this.#evaluateMs, async () => frame.holder?.())
    return (reply.ok && (reply.value as Partial<FrameHolder> | null)) || {}
  }

  async #ask(frame: DriverFrame, hints: readonly Hint[]): Promise<FrameReading | undefined> {
    const request = requestFor(hints)
    // Three times: our code may be missing, and a page may navigate just then.
    let whole = !this.#prepared.has(frame)
    for (let attempt = 0; attempt < 3; attempt++) {
      const reply = await evaluateWithin(this.#clock, frame, findCall(request, whole), this.#evaluateMs)
      if (reply.ok && reply.value !== null && reply.value !== undefined) {
        this.#prepared.add(frame)
        return parseFound(reply.value) ?? NONSENSE
      }
      if (frame.isDetached() || (!reply.ok && reply.why === 'timeout')) return undefined
      whole = true
    }
    return undefined
  }

  #addresses(page: DriverPage, frame: DriverFrame, origin: string): Pick<Challenge, 'pageUrl' | 'frameUrl'> {
    const [main] = page.frames()
    return {
      pageUrl: addressOf(main?.url() ?? ''),
      frameUrl: frame === main ? undefined : frameAddress(frame, frame.origin?.() ?? origin),
    }
  }

  #place(
    page: DriverPage,
    frame: DriverFrame,
    load: object,
    { origin, loading }: FrameReading,
    { id, family, challenge, visible, answered, executed, due, expired }: WidgetReading,
  ): Place {
    const known: Challenge = { ...challenge, family, ...this.#addresses(page, frame, origin) }
    const found = { ...known, id: `${this.#number(frame)}-${id}`, visible, answered, executed, due, expired }
    return { page, frame, id, challenge: found, load, loading, owner: ownerOf(frame) }
  }

  /** Watches no page any more. */
  close(): void {
    this.#loads.close()
  }

  /** Documents name themselves; two frames that name themselves alike are still two. */
  #number(frame: DriverFrame): number {
    const known = this.#numbers.get(frame)
    if (known !== undefined) return known
    this.#numbers.set(frame, ++this.#count)
    return this.#count
  }
}

function unanswered(page: DriverPage): SolveguardError {
  return page.isClosed()
    ? new SolveguardError('PAGE_GONE', 'The page was closed while it was looked at.')
    : new SolveguardError('PAGE_UNRESPONSIVE', 'No frame of the page answered, so nothing is known of it.')
}
