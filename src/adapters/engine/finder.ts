import type { Challenge, WidgetFamily } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { findCall, NO_SCRIPTS, type SentScripts, waitCall } from '../../widgets/calls.js'
import { MAX_MALFORMED, type MalformedReading, UNREADABLE_REPLY } from '../../widgets/malformed.js'
import {
  type FrameReading,
  MAX_WIDGETS_PER_FRAME,
  parseFound,
  parseMissing,
  type WidgetReading,
} from '../../widgets/parse.js'
import { type UnknownWidget, unknownIn } from '../../widgets/unknown.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverFrame, DriverPage } from '../driver.js'
import { boundedUrl, checkedOrigins, documentOriginOf, frameUrl, isBlankUrl } from './frame-url.js'
import type { NamedFrames, UnnamedFrame } from './named-frames.js'
import { pageClosed, pageGone } from './page-errors.js'
import { PageLoadTracker } from './page-load-tracker.js'
import { callWithTimeout, refreshWithTimeout } from './timeouts.js'
import { familiesOf, isPlacedByDocument, MAX_SCANNED_FRAMES, scannedFrames, type VendorFrame } from './vendor-frames.js'
import { keepDetails } from './widget-details.js'

/** A widget that was left out because its data from the page was malformed. */
export interface MalformedWidget extends MalformedReading {
  /** The page's address. */
  readonly pageUrl: string
  /** The frame's address, where it is not the page's own. */
  readonly frameUrl?: string | undefined
}

/** What a scan of a page left out: it was too much, malformed, or did not reply. */
export interface Omitted {
  /** Widgets beyond 50 in one frame or 200 in the page. */
  readonly widgets: number
  /** Widgets whose data from the page was malformed. */
  readonly malformed: number
  /** The first 20 of those, with what is wrong with each. */
  readonly malformedWidgets: readonly MalformedWidget[]
  /** Frames that did not reply in time. */
  readonly unresponsive: number
  /** Frames beyond 100, and open shadow roots beyond 1,000 in one of them. */
  readonly frames: number
}

/** The widgets of a page: an array with four more properties. */
export type Found = readonly FoundChallenge[] & {
  /** What looks like a CAPTCHA and is of no known family. */
  readonly unknown: readonly UnknownWidget[]
  /** The frames, or the page, that were not looked into: the policy does not name their origin. */
  readonly unnamed: readonly UnnamedFrame[]
  /** Counts of what was left out. */
  readonly omitted: Omitted
  /** The load of the page. Pass it to `guard.solve` with one of these widgets, so that `perPage` budgets count it. */
  readonly pageLoad: object
}

/** The result of a scan of a page. */
export interface PageScan {
  readonly widgets: WidgetLocation[]
  readonly unknown: UnknownWidget[]
  readonly unnamed: UnnamedFrame[]
  readonly omitted: Omitted
  readonly pageLoad: object
}

/** A scan as callers get it: the other properties are not enumerable, so that it prints as a list of widgets. */
export function toFound({ widgets, unknown, unnamed, omitted, pageLoad }: PageScan): Found {
  const list: readonly FoundChallenge[] = widgets.map(({ challenge }) => challenge)
  return Object.defineProperties(list, {
    unknown: { value: unknown },
    unnamed: { value: unnamed },
    omitted: { value: omitted },
    pageLoad: { value: pageLoad },
  }) as Found
}

/** Where a widget is. */
export interface WidgetLocation {
  readonly page: DriverPage
  readonly frame: DriverFrame
  /** The page code's own id of the widget. */
  readonly id: string
  readonly challenge: FoundChallenge
  /** The load of the page that it is in. */
  readonly pageLoad: object
  /** Whether its document was still loading. */
  readonly loading: boolean
  /** The origin of its document, see `documentOriginOf`. */
  readonly documentOrigin: string
  /** Shows that a reply is from its document. */
  readonly documentSecret: string
}

/** Where an element is that is no widget: its document, and the URLs against which it is checked. */
export interface ElementLocation
  extends Pick<WidgetLocation, 'page' | 'frame' | 'id' | 'pageLoad' | 'documentOrigin'>,
    Pick<Challenge, 'pageUrl' | 'frameUrl'> {}

const MAX_WIDGETS = 200
const MAX_UNKNOWN = 50
const MAX_UNNAMED = 50

/** The reading of a frame whose reply could not be parsed. */
const UNREADABLE: FrameReading = {
  doc: '',
  secret: '',
  origin: '',
  loading: false,
  widgets: [],
  signs: [],
  omitted: 0,
  roots: 0,
  malformed: 1,
  problems: [UNREADABLE_REPLY],
}

const requestFor = (vendorFrames: readonly VendorFrame[]) => ({
  max: MAX_WIDGETS_PER_FRAME,
  frames: vendorFrames.map(({ name, url }) => ({ name, url })),
  families: familiesOf(vendorFrames),
})

const documentKey = (frame: DriverFrame): string => `${frame.documentNumber?.() ?? 0} ${frame.url()}`

/** Finds widgets. Remembers which frames have the page script already, and the number that each frame was given. */
export class Finder {
  readonly #clock: Clock
  readonly #evaluateMs: number
  readonly #named: NamedFrames
  /** Frames where the last scan found the core script; it is sent with the call to the others. */
  readonly #prepared = new WeakSet<DriverFrame>()
  /** Families that were in a document: their scripts are sent to new documents with the first call. */
  readonly #seen = new Set<WidgetFamily>()
  /** Whether there was a document without the init script: it is sent with the core script. */
  #sendsObserver = false
  readonly #frameNumbers = new WeakMap<DriverFrame, number>()
  readonly #pageLoads = new PageLoadTracker()
  #frameCount = 0

  constructor(clock: Clock, evaluateMs: number, named: NamedFrames) {
    this.#clock = clock
    this.#evaluateMs = evaluateMs
    this.#named = named
  }

  /**
   * Finds all widgets of a page: one round trip for each frame, all frames at once. Nothing is run in frames that the
   * policy does not name.
   * @throws SolveguardError `PAGE_GONE` if it was closed, `PAGE_UNRESPONSIVE` if no frame replied
   */
  async scan(page: DriverPage): Promise<PageScan> {
    const answered = await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    if (page.isClosed()) throw pageClosed()
    if (!answered) throw unresponsive(page)
    let all = page.frames()
    let { scanned, unnamed } = await this.#scannedFrames(page)
    let { readings, navigated } = await this.#readAll(page, scanned)
    for (let attempt = 1; navigated && attempt < 3; attempt++) {
      all = page.frames()
      ;({ scanned, unnamed } = await this.#scannedFrames(page))
      ;({ readings, navigated } = await this.#readAll(page, scanned))
    }
    if (page.isClosed()) throw pageClosed()
    const malformedWidgets: MalformedWidget[] = []
    const tooMany = Math.max(all.length - MAX_SCANNED_FRAMES, 0)
    const omitted = { widgets: 0, malformed: 0, malformedWidgets, unresponsive: 0, frames: tooMany }
    const pageLoad = this.#pageLoads.loadOf(page, scanned[0]?.[0] === all[0] ? readings[0]?.doc : undefined)
    const seen = await Promise.all(scanned.map(([frame], index) => this.#isFrameSeen(page, frame, readings[index])))
    const widgets: WidgetLocation[] = []
    const unknown: UnknownWidget[] = []
    for (const [index, [frame]] of scanned.entries()) {
      const reading = readings[index]
      // A frame that was removed during the scan is not counted.
      if (!reading && frame.isDetached()) continue
      if (!reading) omitted.unresponsive++
      else {
        omitted.malformed += reading.malformed
        for (const problem of reading.problems.slice(0, MAX_MALFORMED - malformedWidgets.length)) {
          malformedWidgets.push({ ...problem, ...this.#urls(page, frame, reading.origin) })
        }
        omitted.widgets += reading.omitted
        omitted.frames += reading.roots
        if (reading.signs.length > 0) {
          unknown.push(...unknownIn(reading.signs, this.#urls(page, frame, reading.origin)))
        }
        for (const widget of reading.widgets) {
          if (widgets.length < MAX_WIDGETS)
            widgets.push(this.#locate(page, frame, pageLoad, reading, widget, seen[index]))
          else omitted.widgets++
        }
      }
    }
    if (scanned.length > 0 && readings.every((reading) => !reading)) throw unresponsive(page)
    return { widgets, unknown: unknown.slice(0, MAX_UNKNOWN), unnamed, omitted, pageLoad }
  }

  /**
   * Makes the first call of a scan in a frame ahead of it, so that a scan finds its scripts there, compiled. What it
   * finds is not used. At most one evaluation where the scripts are sent, and one more for families that are missing;
   * never in a document that took the place of this one. Never rejects.
   */
  async prepare(page: DriverPage, frame: DriverFrame): Promise<void> {
    const vendorFrames = scannedFrames(page).get(frame)
    if (!vendorFrames) return
    const sending = this.#request(page, frame, vendorFrames, true)
    // The calls of a scan that begins now arrive after this one.
    this.#prepared.add(frame)
    await sending
  }

  /** Reads one widget again; undefined if it is gone. */
  async rescan(widget: WidgetLocation): Promise<FoundChallenge | undefined> {
    if (!(await refreshWithTimeout(this.#clock, widget.page, this.#evaluateMs))) return undefined
    if (widget.page.isClosed() || widget.frame.isDetached()) return undefined
    const reading = await this.#read(widget.page, widget.frame, scannedFrames(widget.page).get(widget.frame) ?? [])
    const now = reading?.widgets.find(({ id }) => id === widget.id)
    if (!reading || !now || reading.secret !== widget.documentSecret) return undefined
    const { page, frame, pageLoad } = widget
    const seen = await this.#isFrameSeen(page, frame, { widgets: [now] })
    const { documentOrigin, challenge } = this.#locate(page, frame, pageLoad, reading, now, seen)
    // Its document may have another origin now, by its page: a solution must never go to another origin.
    const same =
      documentOrigin === widget.documentOrigin && checkedOrigins(challenge) === checkedOrigins(widget.challenge)
    return same ? challenge : undefined
  }

  /**
   * Locates an element that the caller named: its document, by an id in it, and the URLs against which it is checked.
   * @throws DeniedError `ORIGIN_NOT_NAMED`, `ORIGIN_OPAQUE`
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   */
  async locate(page: DriverPage, frame: DriverFrame): Promise<ElementLocation> {
    await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    const [main = frame] = page.frames()
    const asked = page.isClosed() || frame.isDetached() ? [] : [...new Set([main, frame])]
    const unnamed = asked.length > 0 ? await this.#named.denialOf(page, frame) : undefined
    if (unnamed) throw this.#named.deny(unnamed)
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
      ...this.#urls(page, frame, reading.origin),
    }
  }

  /**
   * Waits in a frame until a scan of it would find something else, for at most `ms`. A scan that starts after this call
   * sees every change before the wait. Never rejects, and may resolve without a change.
   *
   * @returns false if it did not wait: the policy does not name the frame
   */
  async waitForChange(
    page: DriverPage,
    frame: DriverFrame,
    vendorFrames: readonly VendorFrame[],
    ticket: string,
    ms: number,
  ): Promise<boolean> {
    if (await this.#named.denialOf(page, frame)) return false
    const call = waitCall(ticket, requestFor(vendorFrames), ms, this.#scriptsFor(frame, vendorFrames))
    await callWithTimeout(this.#clock, ms + this.#evaluateMs, () => frame.evaluateAsync?.(call) ?? Promise.resolve())
    return true
  }

  /** The frames to scan, and those that the policy does not name. */
  async #scannedFrames(page: DriverPage) {
    const frames = [...scannedFrames(page)]
    const denials = await Promise.all(frames.map(([frame]) => this.#named.denialOf(page, frame)))
    const unnamed = denials.filter((one) => one !== undefined)
    const [first] = unnamed
    return {
      scanned: frames.filter((_, index) => !denials[index]),
      // Of a page that is not named, its frames need not be listed.
      unnamed: first && first.frameUrl === undefined ? [first] : unnamed.slice(0, MAX_UNNAMED),
    }
  }

  /**
   * Reads frames. Where a tool is polled for URLs, it keeps only the replies of documents that were there before and
   * after: no reply is checked against the URL of the document before it.
   */
  async #readAll(
    page: DriverPage,
    scanned: readonly (readonly [DriverFrame, readonly VendorFrame[]])[],
    named = false,
  ): Promise<{ readings: (FrameReading | undefined)[]; navigated: boolean }> {
    const documentKeys = () => {
      const [main] = page.frames()
      return scanned.map(([frame]) => `${main && documentKey(main)} ${documentKey(frame)}`)
    }
    const before = documentKeys()
    const readings = await Promise.all(
      scanned.map(([frame, vendorFrames]) => this.#read(page, frame, vendorFrames, named)),
    )
    if (!page.refresh) return { readings, navigated: false }
    const answered = await refreshWithTimeout(this.#clock, page, this.#evaluateMs)
    const after = documentKeys()
    const kept = before.map((one, index) => answered && one === after[index])
    return {
      readings: readings.map((reading, index) => (kept[index] ? reading : undefined)),
      navigated: kept.includes(false),
    }
  }

  /** @param named whether the frame's origin is needed even if it has no widgets */
  async #read(
    page: DriverPage,
    frame: DriverFrame,
    vendorFrames: readonly VendorFrame[],
    named = false,
  ): Promise<FrameReading | undefined> {
    const reading = await this.#readConfirmed(page, frame, vendorFrames)
    if (!reading || !isBlankUrl(frame.url())) return reading
    if (!named && reading.widgets.length === 0 && reading.signs.length === 0) return reading
    // What replied may be a document that the tool has not reported yet: the documents around it are asked again.
    this.#named.forget(frame)
    return { ...reading, origin: await this.#named.originOf(page, frame, reading.origin) }
  }

  /**
   * Reads a frame, without widgets that are not its own. Where a vendor's frame is the only evidence of a widget, that
   * frame may belong to the document before this one, or may be an unrelated one that navigated there by itself.
   */
  async #readConfirmed(
    page: DriverPage,
    frame: DriverFrame,
    vendorFrames: readonly VendorFrame[],
  ): Promise<FrameReading | undefined> {
    const reading = await this.#request(page, frame, vendorFrames)
    if (!reading?.widgets.some(({ hinted }) => hinted)) return reading
    const readElement = (one: DriverFrame) => this.#named.readElement(one)
    const placed = await Promise.all(vendorFrames.map((one) => isPlacedByDocument(one.frame, readElement)))
    return placed.includes(false)
      ? this.#request(
          page,
          frame,
          vendorFrames.filter((_, index) => placed[index]),
        )
      : reading
  }

  /** @param ahead whether this is ahead of a scan: then it is tried twice at most, and not after a navigation */
  async #request(
    page: DriverPage,
    frame: DriverFrame,
    vendorFrames: readonly VendorFrame[],
    ahead = false,
  ): Promise<FrameReading | undefined> {
    const request = requestFor(vendorFrames)
    let scripts = this.#scriptsFor(frame, vendorFrames)
    const sent = new Set<WidgetFamily>(scripts.families)
    let completed = false
    // Four attempts: the core script may be missing, the init script too, and the page may navigate during a call.
    for (let attempt = 0; attempt < 4; ) {
      const reply = await this.#named.evaluate(page, frame, findCall(request, scripts))
      if (reply.ok && reply.value !== null && reply.value !== undefined) {
        this.#prepared.add(frame)
        if (scripts.observer) this.#sendsObserver = true
        const found = parseFound(reply.value)
        const missing = found ? [] : (parseMissing(reply.value) ?? []).filter((family) => !sent.has(family))
        if (missing.length === 0 || (ahead && completed)) return found ?? UNREADABLE
        completed = true
        for (const family of missing) this.#seen.add(family) && sent.add(family)
        scripts = { families: missing }
        continue
      }
      if (!reply.ok && ahead) this.#prepared.delete(frame)
      if (frame.isDetached() || (!reply.ok && (ahead || reply.reason === 'timeout'))) return undefined
      attempt += ahead ? 2 : 1
      this.#prepared.delete(frame)
      const observer = scripts.core || this.#sendsObserver
      scripts = { ...this.#scriptsFor(frame, vendorFrames), observer }
      sent.clear()
      for (const family of scripts.families) sent.add(family)
    }
    return undefined
  }

  /** The scripts that a call needs: none in a frame where the last scan found them. */
  #scriptsFor(frame: DriverFrame, vendorFrames: readonly VendorFrame[]): SentScripts {
    if (this.#prepared.has(frame)) return NO_SCRIPTS
    const families = [...new Set([...familiesOf(vendorFrames), ...this.#seen])]
    return { observer: this.#sendsObserver, core: true, families }
  }

  /**
   * Whether a person can see the frames around a frame, where that makes a difference to its widgets. The page script
   * knows of the frames up to the first document of another origin; the documents around those are asked here.
   */
  async #isFrameSeen(
    page: DriverPage,
    frame: DriverFrame,
    reading: Pick<FrameReading, 'widgets'> | undefined,
  ): Promise<boolean> {
    const [main] = page.frames()
    if (frame === main || !reading?.widgets.some(({ visible }) => visible)) return true
    let at = frame
    for (let around = at.parent(); around; at = around, around = at.parent()) {
      if (!at.frameElement || isSameOrigin(at.url(), around.url())) continue
      if (await this.#named.denialOf(page, around)) continue
      if ((await this.#named.readElement(at)).seen === false) return false
    }
    return true
  }

  #urls(page: DriverPage, frame: DriverFrame, origin: string): Pick<Challenge, 'pageUrl' | 'frameUrl'> {
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
    { origin, loading, secret }: FrameReading,
    {
      id,
      family,
      challenge,
      ambiguousWith,
      visible,
      answered,
      executed,
      due,
      dueUnseen,
      expired,
      blocked,
      details,
      copy,
      unheld,
    }: WidgetReading,
    seen = true,
  ): WidgetLocation {
    const known: Challenge = { ...challenge, family, ...this.#urls(page, frame, origin) }
    const found = {
      ...known,
      id: `${this.#frameNumber(frame)}-${id}`,
      ...(ambiguousWith && { ambiguousWith }),
      visible: visible && seen,
      answered: answered && !copy,
      executed,
      due: !blocked && !copy && (seen ? due : dueUnseen),
      expired,
      ...(blocked && { blocked }),
      ...(copy && { copy }),
      ...(unheld && { unheld }),
    }
    keepDetails(found, details)
    const documentOrigin = documentOriginOf(frame)
    return { page, frame, id, challenge: found, pageLoad, loading, documentOrigin, documentSecret: secret }
  }

  /** Stops watching pages. */
  close(): void {
    this.#pageLoads.close()
  }

  /** Documents choose their ids: two frames with equal ids are still two frames. */
  #frameNumber(frame: DriverFrame): number {
    const known = this.#frameNumbers.get(frame)
    if (known !== undefined) return known
    this.#frameNumbers.set(frame, ++this.#frameCount)
    return this.#frameCount
  }
}

/** Whether both have one origin by their URLs. A sandboxed frame has another one, unknown to its page script. */
function isSameOrigin(url: string, other: string): boolean {
  const read = (one: string) => (URL.canParse(one) ? new URL(one).origin : 'null')
  return read(url) !== 'null' && read(url) === read(other)
}

function unresponsive(page: DriverPage): SolveguardError {
  return page.isClosed()
    ? new SolveguardError('PAGE_GONE', 'The page was closed during the scan.')
    : new SolveguardError('PAGE_UNRESPONSIVE', 'No frame of the page replied, so its widgets are unknown.')
}
