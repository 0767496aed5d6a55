import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import { sleep } from '../../base/timeout.js'
import { endWaitCall } from '../../widgets/calls.js'
import type { DriverFrame, DriverPage } from '../driver.js'
import type { Finder } from './finder.js'
import type { NamedFrames } from './named-frames.js'
import { scannedFrames } from './vendor-frames.js'

/** A page is scanned again after this long, whether or not it reported a change. */
const MAX_WAIT_MS = 15_000
/** The same where the tool cannot wait in the page. */
const POLL_MS = 500
/** Between two scans: doubled with each, unless the page was quiet for longer than the maximum. */
const MIN_GAP_MS = 50
const MAX_GAP_MS = 2_000

/** What waiting for changes needs. */
interface PageChangesDeps {
  readonly clock: Clock
  readonly finder: Pick<Finder, 'waitForChange'>
  readonly frames: Pick<NamedFrames, 'evaluate'>
}

/**
 * Reports when a page is worth another scan: its documents report a change, a frame was added, removed or navigated,
 * or a maximum time is over. Continues over navigations, until it is stopped.
 *
 * @example
 * for (const changes = new PageChanges(tools, page); ; await changes.next(signal)) {
 *   changes.arm()
 *   await finder.scan(page)
 * }
 */
export class PageChanges {
  readonly #deps: PageChangesDeps
  readonly #page: DriverPage
  readonly #ticket = randomUUID()
  readonly #waiting = new Set<DriverFrame>()
  readonly #unwatch: () => void
  readonly #wakeCallbacks = new Set<() => void>()
  #changed = false
  #stopped = false
  #gapMs = MIN_GAP_MS

  constructor(deps: PageChangesDeps, page: DriverPage) {
    this.#deps = deps
    this.#page = page
    const wake = () => this.wake()
    this.#unwatch = page.watch({ navigated: wake, detached: wake, gone: wake })
  }

  /** Every change counts from here on. Call it before a scan, so that no change after the scan is missed. */
  arm(): void {
    this.#changed = false
    if (this.#page.isClosed()) return
    for (const [frame, vendorFrames] of scannedFrames(this.#page)) {
      if (!frame.evaluateAsync || this.#waiting.has(frame) || frame.isDetached()) continue
      this.#waiting.add(frame)
      void this.#deps.finder
        .waitForChange(this.#page, frame, vendorFrames, this.#ticket, MAX_WAIT_MS)
        .then((waited) => {
          this.#waiting.delete(frame)
          if (waited) this.wake()
        })
    }
  }

  /** Resolves when another scan is worth while, or once the signal aborts. */
  async next(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const begun = clock.monotonic()
    const polls = !this.#page.frames().some((frame) => frame.evaluateAsync)
    if (!this.#changed && !signal.aborted) await this.#sleepUntilWoken(polls ? POLL_MS : MAX_WAIT_MS, signal)
    const quietMs = clock.monotonic() - begun
    this.#gapMs = quietMs > MAX_GAP_MS ? MIN_GAP_MS : Math.min(this.#gapMs * 2, MAX_GAP_MS)
    const leftMs = this.#gapMs - quietMs
    if (leftMs > 0 && !signal.aborted) await sleep(clock, leftMs, signal)
  }

  /** Ends the wait under way, if there is one; else the next one resolves at once. */
  wake(): void {
    this.#changed = true
    for (const end of [...this.#wakeCallbacks]) end()
  }

  /** Ends all waits in the page. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#unwatch()
    for (const frame of this.#waiting) void this.#deps.frames.evaluate(this.#page, frame, endWaitCall(this.#ticket))
  }

  async #sleepUntilWoken(ms: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const end = () => ended.abort()
    this.#wakeCallbacks.add(end)
    signal.addEventListener('abort', end)
    await sleep(this.#deps.clock, ms, ended.signal)
    this.#wakeCallbacks.delete(end)
    signal.removeEventListener('abort', end)
  }
}
