import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import { endWaitCall } from '../../widgets/calls.js'
import type { DriverFrame, DriverPage } from '../driver.js'
import type { Finder } from './finder.js'
import { evaluateWithTimeout } from './timeouts.js'
import { scannedFrames } from './vendor-frames.js'

/** A page is looked at anew after this long, whether or not it has said that something changed, ms. */
const MAX_WAIT_MS = 15_000
/** The same where its tool cannot wait. */
const POLL_MS = 500
/** Between two looks, ms: more and more while they find nothing new. */
const MIN_GAP_MS = 50
const MAX_GAP_MS = 2_000

/** What waiting for changes needs. */
interface PageChangesDeps {
  readonly clock: Clock
  readonly finder: Finder
  readonly evaluateMs: number
}

/**
 * Tells when a page is worth another look: its documents say so, frames come, go and navigate, and now and then all the same. It goes on over
 * navigations, until it is stopped.
 *
 * @example
 * for (const changes = new Changes(tools, page); ; await changes.next(signal)) {
 *   changes.expect()
 *   await finder.find(page)
 * }
 */
export class PageChanges {
  readonly #tools: PageChangesDeps
  readonly #page: DriverPage
  readonly #ticket = randomUUID()
  readonly #waiting = new Set<DriverFrame>()
  readonly #unwatch: () => void
  readonly #wakeCallbacks = new Set<() => void>()
  #changed = false
  #stopped = false
  #gapMs = MIN_GAP_MS

  constructor(tools: PageChangesDeps, page: DriverPage) {
    this.#tools = tools
    this.#page = page
    const wake = () => this.wake()
    this.#unwatch = page.watch({ navigated: wake, detached: wake, gone: wake })
  }

  /** From here on every change counts. To be called before a look: what happens after the look is not missed then. */
  arm(): void {
    this.#changed = false
    if (this.#page.isClosed()) return
    for (const [frame, hints] of scannedFrames(this.#page)) {
      if (!frame.evaluateAsync || this.#waiting.has(frame) || frame.isDetached()) continue
      this.#waiting.add(frame)
      void this.#tools.finder.waitForChange(frame, hints, this.#ticket, MAX_WAIT_MS).then(() => {
        this.#waiting.delete(frame)
        this.wake()
      })
    }
  }

  /**
   * Until another look is worth while, or the signal.
   * @param news whether the last look found something new: looks that do not are taken less and less often
   */
  async next(signal: AbortSignal, news = false): Promise<void> {
    const { clock } = this.#tools
    const begun = clock.monotonic()
    const polls = !this.#page.frames().some((frame) => frame.evaluateAsync)
    if (!this.#changed && !signal.aborted) {
      await this.#sleep(signal, polls ? POLL_MS : MAX_WAIT_MS, (end) => {
        this.#wakeCallbacks.add(end)
        return () => this.#wakeCallbacks.delete(end)
      })
    }
    const restedMs = clock.monotonic() - begun
    this.#gapMs = news || restedMs > MAX_GAP_MS ? MIN_GAP_MS : Math.min(this.#gapMs * 2, MAX_GAP_MS)
    const leftMs = this.#gapMs - restedMs
    if (leftMs > 0 && !signal.aborted) await this.#sleep(signal, leftMs)
  }

  /** Ends the wait that is under way, if there is one; the next one does not begin. */
  wake(): void {
    this.#changed = true
    for (const end of [...this.#wakeCallbacks]) end()
  }

  /** Leaves nothing behind in the page. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#unwatch()
    const { clock, evaluateMs } = this.#tools
    for (const frame of this.#waiting) void evaluateWithTimeout(clock, frame, endWaitCall(this.#ticket), evaluateMs)
  }

  #sleep(signal: AbortSignal, ms: number, listen: (end: () => void) => () => void = () => () => {}): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        stop()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#tools.clock.after(ms, end)
      const stop = listen(end)
      signal.addEventListener('abort', end)
    })
  }
}
