import type { Challenge } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { findCall, waitCall } from '../../widgets/calls.js'
import { type FrameReading, MAX_WIDGETS_PER_FRAME, parseFound, type WidgetReading } from '../../widgets/parse.js'
import { type UnknownWidget, unknownIn } from '../../widgets/unknown.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverFrame, DriverPage, FrameElementReading } from '../driver.js'
import {
  boundedUrl,
  checkedOrigins,
  documentOriginOf,
  type FrameElementReader,
  frameUrl,
  inheritedOrigin,
  isBlankUrl,
} from './frame-url.js'
import { pageClosed, pageGone } from './page-errors.js'
import { PageLoadTracker } from './page-load-tracker.js'
import { evaluateWithTimeout, refreshWithTimeout, within } from './timeouts.js'
import { isPlacedByDocument, MAX_FRAMES, scannedFrames, type VendorFrame } from './vendor-frames.js'

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
  readonly omitted: Omitted
  /** Which load of the page they are of: whoever hands one of them to `guard.solve` says it there. */
  readonly pageLoad: object
}

/** What a look at a page gave. */
export interface PageScan {
  readonly widgets: WidgetLocation[]
  readonly unknown: UnknownWidget[]
  readonly omitted: Omitted
  readonly pageLoad: object
}

/** A look as callers get it: the list is of the widgets, and tells the rest when asked. */
export function toFound({ widgets, unknown, omitted, pageLoad }: PageScan): Found {
  const list = widgets.map(({ challenge }) => challenge)
  return Object.defineProperties(list, {
    unknown: { value: unknown },
    omitted: { value: omitted },
    pageLoad: { value: pageLoad },
  }) as unknown as Found
}

/** Where a widget stands. */
export interface WidgetLocation {
  readonly page: DriverPage
  readonly frame: DriverFrame
  /** The page's own name for the widget. */
  readonly id: string
  readonly challenge: FoundChallenge
  /** Which load of the page it stands in. */
  readonly pageLoad: object
  /** Whether its document was still being loaded. */
  readonly loading: boolean
  /** Whose document that was, see `ownerOf`. */
  readonly documentOrigin: string
}

/** Where something stands that is no widget: its document, and the addresses that it is judged by. */
export interface ElementLocation
  extends Pick<WidgetLocation, 'page' | 'frame' | 'id' | 'pageLoad' | 'documentOrigin'>,
    Pick<Challenge, 'pageUrl' | 'frameUrl'> {}

const MAX_WIDGETS = 200
const MAX_UNKNOWN = 50

/** What is known of a frame that answered, but with nothing that can be read. */
const UNREADABLE: FrameReading = {
  doc: '',
  origin: '',
  loading: false,
  widgets: [],
  signs: [],
  leftOut: 0,
  roots: 0,
  malformed: 1,
}

const requestFor = (hints: readonly VendorFrame[]) => ({
  max: MAX_WIDGETS_PER_FRAME,
  frames: hints.map(({ name, url }) => ({ name, url })),
})

const documentKey = (frame: DriverFrame): string => `${frame.documentNumber?.() ?? 0} ${frame.url()}`

/** Looks for widgets; keeps in mind which frames have our code already, and which names frames were given. */
export class Finder {
  readonly #clock: Clock
  readonly #evaluateMs: number
  /** Frames where the last look found our code; it is sent along to the others. */
  readonly #prepared = new WeakSet<DriverFrame>()
  readonly #frameNumbers = new WeakMap<DriverFrame, number>()
  readonly #pageLoads = new PageLoadTracker()
  #frameCount = 0

  constructor(clock: Clock, evaluateMs: number) {
    this.#clock = clock
    this.#evaluateMs = evaluateMs
  }

  /**
   * All widgets of a page, one round trip for each frame, all frames at once.
   * @throws SolveguardError `PAGE_GONE` if it was closed, `PAGE_UNRESPONSIVE` if no frame of it answered
   */
  async scan(page: DriverPage): Promise<PageScan> {
    const answered = await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    if (page.isClosed()) throw pageClosed()
    if (!answered) throw unresponsive(page)
    let all = page.frames()
    let own = [...scannedFrames(page)]
    let { readings, moved } = await this.#readAll(page, own)
    for (let attempt = 1; moved && attempt < 3; attempt++) {
      all = page.frames()
      own = [...scannedFrames(page)]
      ;({ readings, moved } = await this.#readAll(page, own))
    }
    if (page.isClosed()) throw pageClosed()
    const omitted = { widgets: 0, malformed: 0, unresponsive: 0, frames: Math.max(all.length - MAX_FRAMES, 0) }
    const pageLoad = this.#pageLoads.loadOf(page, readings[0]?.doc)
    const widgets: WidgetLocation[] = []
    const unknown: UnknownWidget[] = []
    for (const [index, [frame]] of own.entries()) {
      const reading = readings[index]
      // A frame that went away while it was asked has nothing to tell, and nothing to leave out.
      if (!reading && frame.isDetached()) continue
      if (!reading) omitted.unresponsive++
      else {
        omitted.malformed += reading.malformed
        omitted.widgets += reading.leftOut
        omitted.frames += reading.roots
        if (reading.signs.length > 0) {
          unknown.push(...unknownIn(reading.signs, this.#addresses(page, frame, reading.origin)))
        }
        for (const widget of reading.widgets) {
          if (widgets.length < MAX_WIDGETS) widgets.push(this.#locate(page, frame, pageLoad, reading, widget))
          else omitted.widgets++
        }
      }
    }
    if (readings.every((reading) => !reading)) throw unresponsive(page)
    return { widgets, unknown: unknown.slice(0, MAX_UNKNOWN), omitted, pageLoad }
  }

  /** Looks at one widget again. */
  async rescan(widget: WidgetLocation): Promise<FoundChallenge | undefined> {
    if (!(await refreshWithTimeout(this.#clock, widget.page, this.#evaluateMs))) return undefined
    if (widget.page.isClosed() || widget.frame.isDetached()) return undefined
    const reading = await this.#read(widget.frame, scannedFrames(widget.page).get(widget.frame) ?? [])
    const now = reading?.widgets.find(({ id }) => id === widget.id)
    if (!reading || !now) return undefined
    const { documentOrigin, challenge } = this.#locate(widget.page, widget.frame, widget.pageLoad, reading, now)
    // Another document may have learnt its name: what was asked for one origin's widget is never another's.
    const same =
      documentOrigin === widget.documentOrigin && checkedOrigins(challenge) === checkedOrigins(widget.challenge)
    return same ? challenge : undefined
  }

  /**
   * Where something stands that the caller named: the document, by an id of it, and the addresses that it is judged by.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   */
  async locate(page: DriverPage, frame: DriverFrame): Promise<ElementLocation> {
    await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    const [main = frame] = page.frames()
    const asked = page.isClosed() || frame.isDetached() ? [] : [...new Set([main, frame])]
    const { readings } = await this.#readAll(
      page,
      asked.map((one) => [one, []]),
      true,
    )
    const reading = readings[asked.indexOf(frame)]
    if (!reading) throw frame.isDetached() ? pageGone() : unresponsive(page)
    const pageLoad = this.#pageLoads.loadOf(page, readings[0]?.doc)
    return {
      page,
      frame,
      pageLoad,
      documentOrigin: documentOriginOf(frame),
      id: `${reading.doc}-0`,
      ...this.#addresses(page, frame, reading.origin),
    }
  }

  /**
   * Waits in a frame until a look at it would find something else, for at most `ms`. Looks that are begun after this see what is not waited
   * for. Never rejects, and may end for no reason.
   */
  async waitForChange(frame: DriverFrame, hints: readonly VendorFrame[], ticket: string, ms: number): Promise<void> {
    const call = waitCall(ticket, requestFor(hints), ms, !this.#prepared.has(frame))
    await within(this.#clock, ms + this.#evaluateMs, () => frame.evaluateAsync?.(call) ?? Promise.resolve())
  }

  /**
   * What frames say. Where a tool has to be asked for addresses, only what was said by documents that were there before and after
   * it: nothing is judged by the address of the document that was there before it.
   */
  async #readAll(
    page: DriverPage,
    own: readonly (readonly [DriverFrame, readonly VendorFrame[]])[],
    named = false,
  ): Promise<{ readings: (FrameReading | undefined)[]; moved: boolean }> {
    const standing = () => {
      const [main] = page.frames()
      return own.map(([frame]) => `${main && documentKey(main)} ${documentKey(frame)}`)
    }
    const before = standing()
    const readings = await Promise.all(own.map(([frame, hints]) => this.#read(frame, hints, named)))
    if (!page.refresh) return { readings, moved: false }
    const answered = await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    const after = standing()
    const stayed = before.map((one, index) => answered && one === after[index])
    return {
      readings: readings.map((reading, index) => (stayed[index] ? reading : undefined)),
      moved: stayed.includes(false),
    }
  }

  /** @param named whether its origin is wanted though there be nothing in it */
  async #read(frame: DriverFrame, hints: readonly VendorFrame[], named = false): Promise<FrameReading | undefined> {
    const reading = await this.#readConfirmed(frame, hints)
    if (!reading || !isBlankUrl(frame.url())) return reading
    if (!named && reading.widgets.length === 0 && reading.signs.length === 0) return reading
    return { ...reading, origin: await inheritedOrigin(frame, reading.origin, this.#frameElementOf) }
  }

  /**
   * What a frame says, without widgets that are none of its own. Where nothing but a vendor's frame tells of one, that frame may have gone with
   * the document before this one, or may be somebody else's, who went to the vendor's address by himself.
   */
  async #readConfirmed(frame: DriverFrame, hints: readonly VendorFrame[]): Promise<FrameReading | undefined> {
    const reading = await this.#request(frame, hints)
    if (!reading?.widgets.some(({ hinted }) => hinted)) return reading
    const placed = await Promise.all(hints.map((hint) => isPlacedByDocument(hint.frame, this.#frameElementOf)))
    return placed.includes(false)
      ? this.#request(
          frame,
          hints.filter((_, index) => placed[index]),
        )
      : reading
  }

  /** The element that a frame stands in, or nothing where that is not told in time. */
  readonly #frameElementOf: FrameElementReader = async (frame) => {
    const reply = await within(this.#clock, this.#evaluateMs, async () => frame.frameElement?.())
    return (reply.ok && (reply.value as Partial<FrameElementReading> | null)) || {}
  }

  async #request(frame: DriverFrame, hints: readonly VendorFrame[]): Promise<FrameReading | undefined> {
    const request = requestFor(hints)
    // Three times: our code may be missing, and a page may navigate just then.
    let whole = !this.#prepared.has(frame)
    for (let attempt = 0; attempt < 3; attempt++) {
      const reply = await evaluateWithTimeout(this.#clock, frame, findCall(request, whole), this.#evaluateMs)
      if (reply.ok && reply.value !== null && reply.value !== undefined) {
        this.#prepared.add(frame)
        return parseFound(reply.value) ?? UNREADABLE
      }
      if (frame.isDetached() || (!reply.ok && reply.why === 'timeout')) return undefined
      whole = true
    }
    return undefined
  }

  #addresses(page: DriverPage, frame: DriverFrame, origin: string): Pick<Challenge, 'pageUrl' | 'frameUrl'> {
    const [main] = page.frames()
    return {
      pageUrl: boundedUrl(main?.url() ?? ''),
      frameUrl: frame === main ? undefined : frameUrl(frame, frame.origin?.() ?? origin),
    }
  }

  #locate(
    page: DriverPage,
    frame: DriverFrame,
    pageLoad: object,
    { origin, loading }: FrameReading,
    { id, family, challenge, visible, answered, executed, due, expired }: WidgetReading,
  ): WidgetLocation {
    const known: Challenge = { ...challenge, family, ...this.#addresses(page, frame, origin) }
    const found = { ...known, id: `${this.#frameNumber(frame)}-${id}`, visible, answered, executed, due, expired }
    return { page, frame, id, challenge: found, pageLoad, loading, documentOrigin: documentOriginOf(frame) }
  }

  /** Watches no page any more. */
  close(): void {
    this.#pageLoads.close()
  }

  /** Documents name themselves; two frames that name themselves alike are still two. */
  #frameNumber(frame: DriverFrame): number {
    const known = this.#frameNumbers.get(frame)
    if (known !== undefined) return known
    this.#frameNumbers.set(frame, ++this.#frameCount)
    return this.#frameCount
  }
}

function unresponsive(page: DriverPage): SolveguardError {
  return page.isClosed()
    ? new SolveguardError('PAGE_GONE', 'The page was closed while it was looked at.')
    : new SolveguardError('PAGE_UNRESPONSIVE', 'No frame of the page answered, so nothing is known of it.')
}
