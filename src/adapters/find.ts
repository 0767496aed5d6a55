import type { Challenge } from '../base/challenge.js'
import type { Clock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { type FrameHint, findCall, waitCall } from '../widgets/calls.js'
import { type FrameReading, MOST_PER_FRAME, parseFound, type WidgetReading } from '../widgets/parse.js'
import { WIDGETS } from '../widgets/table.js'
import { type UnknownWidget, unknownIn } from '../widgets/unknown.js'
import type { FoundChallenge } from '../widgets/widget.js'
import { evaluateWithin, refreshWithin, within } from './bounded.js'
import type { DriverFrame, DriverPage, FrameHolder } from './driver.js'
import { pageClosed, pageGone } from './gone.js'
import { PageLoads } from './page-load.js'

/** What a look at a page did not take in, because there was too much of it or because it did not answer. */
export interface LeftOut {
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
  readonly leftOut: LeftOut
  /** Which load of the page they are of: whoever hands one of them to `guard.solve` says it there. */
  readonly pageLoad: object
}

/** What a look at a page gave. */
export interface Look {
  readonly places: Place[]
  readonly unknown: UnknownWidget[]
  readonly leftOut: LeftOut
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

/** A vendor's frame. */
interface Hint extends FrameHint {
  readonly frame: DriverFrame
}

const MOST_FRAMES = 100
const MOST_WIDGETS = 200
const MOST_UNKNOWN = 50
const MOST_HINTS = 50
const LONGEST_URL = 2_048

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

const vendors = Object.values(WIDGETS)

const requestFor = (hints: readonly Hint[]) => ({
  most: MOST_PER_FRAME,
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
    return { ...reading, origin: await this.#inherited(frame, reading.origin) }
  }

  /**
   * What a frame says, without widgets that are none of its own. Where nothing but a vendor's frame tells of one, that frame may have gone with
   * the document before this one, or may be somebody else's, who went to the vendor's address by himself.
   */
  async #sure(frame: DriverFrame, hints: readonly Hint[]): Promise<FrameReading | undefined> {
    const reading = await this.#ask(frame, hints)
    if (!reading?.widgets.some(({ hinted }) => hinted)) return reading
    const placed = await Promise.all(hints.map((hint) => this.#isPlaced(hint.frame)))
    return placed.includes(false)
      ? this.#ask(
          frame,
          hints.filter((_, index) => placed[index]),
        )
      : reading
  }

  /** Whether the document around a vendor's frame has put it there as that. */
  async #isPlaced(frame: DriverFrame): Promise<boolean> {
    const reply = await within(this.#clock, this.#evaluateMs, async () => frame.holder?.())
    const src = reply.ok ? (reply.value as Partial<FrameHolder> | null | undefined)?.src : undefined
    const around = frame.parent()?.url()
    if (typeof src !== 'string' || !URL.canParse(src, around)) return false
    return !frame.isDetached() && isVendorFrame(new URL(src, around).href)
  }

  /**
   * The origin of a frame that has no address of its own. A page in it may say that it is whose it likes, so the document around it is asked
   * whether it may read it, and the one around that, up to one that has an address.
   */
  async #inherited(frame: DriverFrame, said: string): Promise<string> {
    const told = frame.origin?.()
    if (told !== undefined) return told
    let at: DriverFrame | undefined = frame
    for (let depth = 0; at && isBlank(at.url()) && depth < 100; at = at.parent(), depth++) {
      const { holder } = at
      if (!holder) return said
      const reply = await within(this.#clock, this.#evaluateMs, holder)
      if (!reply.ok || (reply.value as Partial<FrameHolder> | null)?.readable !== true) return 'null'
    }
    return at ? originOf(at.url()) : 'null'
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

/**
 * The address that a frame's widget is judged by, and that a solver is told. A frame without an address of its own
 * (`about:blank`, `about:srcdoc`) has the origin of the page around it, unless it was sandboxed or came from elsewhere:
 * then its bare address is left, which no policy names.
 */
function frameAddress(frame: DriverFrame, origin: string): string {
  const url = frame.url()
  if (!isBlank(url)) return addressOf(url)
  let above = frame.parent()
  for (let depth = 0; above && depth < 100; above = above.parent(), depth++) {
    const around = above.url()
    if (!/^https?:/.test(around)) continue
    return originOf(around) === origin ? addressOf(around) : url || 'about:blank'
  }
  return url || 'about:blank'
}

const isBlank = (url: string): boolean => url === '' || url.startsWith('about:')

/** What `location.origin` says for an address. */
function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : 'null'
}

/** Whose document stands in a frame, by the browser's word: its origin, or the bare address of one that is of no site. */
export function ownerOf(frame: DriverFrame): string {
  const url = frame.url()
  return /^https?:/.test(url) ? originOf(url) : addressOf(url)
}

/** The origins that a widget is judged by. */
function judgedBy({ pageUrl, frameUrl }: Challenge): string {
  return `${originOf(pageUrl)} ${frameUrl === undefined ? '' : originOf(frameUrl)}`
}

/** An address without its fragment, which stays in the browser and may hold secrets; an overlong one without its query. */
function addressOf(url: string): string {
  const [address = ''] = url.split('#', 1)
  return address.length <= LONGEST_URL ? address : (address.split('?', 1)[0] ?? '').slice(0, LONGEST_URL + 1)
}

/** Whether an address is that of a vendor's own frame: a sign of a widget, and nothing that we look into. */
export function isVendorFrame(address: string): boolean {
  if (!URL.canParse(address)) return false
  const url = new URL(address)
  return /^https?:$/.test(url.protocol) && vendors.some((widget) => widget.isVendorFrame(url))
}

/** The frames that are looked into, each with the vendors' frames right below it. */
export function framesOf(page: DriverPage): ReadonlyMap<DriverFrame, readonly Hint[]> {
  const hints = new Map<DriverFrame, Hint[]>()
  const own: DriverFrame[] = []
  for (const frame of page.frames().slice(0, MOST_FRAMES)) {
    const parent = frame.parent()
    if (parent && isVendorFrame(frame.url())) addHint(hints, parent, frame)
    else own.push(frame)
  }
  return new Map(own.map((frame) => [frame, hints.get(frame) ?? []]))
}

function addHint(hints: Map<DriverFrame, Hint[]>, parent: DriverFrame, frame: DriverFrame): void {
  const known = hints.get(parent) ?? []
  const [name, url] = [frame.name(), frame.url()]
  if (known.length < MOST_HINTS && name.length < 200 && url.length < 4_096) known.push({ name, url, frame })
  hints.set(parent, known)
}

function unanswered(page: DriverPage): SolveguardError {
  return page.isClosed()
    ? new SolveguardError('PAGE_GONE', 'The page was closed while it was looked at.')
    : new SolveguardError('PAGE_UNRESPONSIVE', 'No frame of the page answered, so nothing is known of it.')
}
