import type { Clock } from '../../base/clock.js'
import type { DeniedError } from '../../base/errors.js'
import type { Grant } from '../../guard/types.js'
import type { DriverFrame, DriverPage, FrameElementReading } from '../driver.js'
import { boundedUrl, frameUrl, inheritedOrigin, isBlankUrl } from './frame-url.js'
import { FrameValues } from './frame-values.js'
import { type CallResult, callWithTimeout, evaluateWithTimeout } from './timeouts.js'

/** A frame, or a whole page, in which nothing is run: the policy does not name its origin. */
export interface UnnamedFrame {
  /** The page's URL, without its fragment. */
  readonly pageUrl: string
  /** The frame's URL, without its fragment; undefined for the page itself. */
  readonly frameUrl: string | undefined
  /** The denial that every widget in it would get: `ORIGIN_NOT_NAMED` or `ORIGIN_OPAQUE`. */
  readonly error: DeniedError
}

const NOT_NAMED: CallResult = { ok: false, reason: 'failed' }
const MAX_ATTEMPTS = 3

/**
 * Evaluates in frames, and only in those whose origin the policy names, as well as their page's: what runs in another
 * frame may be answered by its page with anything, of any size, and would be of no use.
 */
export class NamedFrames {
  readonly #grant: Pick<Grant, 'originDenial' | 'denyUnnamed'>
  readonly #clock: Clock
  readonly #evaluateMs: number
  /** The origins of frames without a URL of their own, until they navigate. */
  readonly #inherited = new FrameValues<Promise<string | undefined>>()

  /** @param evaluateMs how long one call into a frame may take, ms */
  constructor(grant: Pick<Grant, 'originDenial' | 'denyUnnamed'>, clock: Clock, evaluateMs: number) {
    this.#grant = grant
    this.#clock = clock
    this.#evaluateMs = evaluateMs
  }

  /** Why nothing is run in a frame; undefined if the policy names its origin and its page's. */
  async denialOf(page: DriverPage, frame: DriverFrame): Promise<UnnamedFrame | undefined> {
    const [main] = page.frames()
    const pageUrl = boundedUrl((main ?? frame).url())
    const ofPage = this.#grant.originDenial('page', pageUrl)
    if (ofPage) return { pageUrl, frameUrl: undefined, error: ofPage }
    if (!main || frame === main) return undefined
    const judged = frameUrl(frame, await this.originOf(page, frame))
    const error = this.#grant.originDenial('frame', judged)
    return error && { pageUrl, frameUrl: judged, error }
  }

  /** The denial of what was to be solved in an unnamed frame, which is recorded. */
  deny({ pageUrl, frameUrl, error }: UnnamedFrame): DeniedError {
    return this.#grant.denyUnnamed(pageUrl, frameUrl) ?? error
  }

  /** Evaluates in a frame that the policy names, for at most `evaluateMs`. Never rejects. */
  async evaluate(page: DriverPage, frame: DriverFrame, expression: string): Promise<CallResult> {
    if (await this.denialOf(page, frame)) return NOT_NAMED
    return evaluateWithTimeout(this.#clock, frame, expression, this.#evaluateMs)
  }

  /**
   * The origin of a frame: by the browser, or by the documents around a frame without a URL of its own.
   *
   * @param reported what the frame itself reports: used where the tool knows none; before it has reported anything,
   *   such a frame counts as one of the document around it
   */
  async originOf(page: DriverPage, frame: DriverFrame, reported = outerOrigin(frame)): Promise<string> {
    const known = frame.origin?.()
    if (known !== undefined) return known
    if (!isBlankUrl(frame.url()) || !frame.frameElement) return reported
    // The document around it has to be named itself, before it is asked.
    const outer = outerFrame(frame)
    if (!outer || (outer !== page.frames()[0] && this.#grant.originDenial('frame', boundedUrl(outer.url())))) {
      return outerOrigin(frame)
    }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const reading = this.#inherited.get(frame) ?? this.#readInherited(page, frame)
      const origin = await reading
      // It has navigated meanwhile.
      if (this.#inherited.get(frame) !== reading) continue
      if (origin !== undefined) return origin
      this.#inherited.delete(frame)
      return 'null'
    }
    return 'null'
  }

  /** Drops what is known of the origin of a frame without a URL of its own. */
  forget(frame: DriverFrame): void {
    this.#inherited.delete(frame)
  }

  /** Reads a frame's element in the document around it, which must be named; `{}` where that fails. */
  async readElement(frame: DriverFrame): Promise<Partial<FrameElementReading>> {
    const reply = await callWithTimeout(this.#clock, this.#evaluateMs, async () => frame.frameElement?.())
    return (reply.ok && (reply.value as Partial<FrameElementReading> | null)) || {}
  }

  /** Stops watching pages. */
  close(): void {
    this.#inherited.close()
  }

  #readInherited(page: DriverPage, frame: DriverFrame): Promise<string | undefined> {
    const reading = inheritedOrigin(frame, (one) => this.readElement(one))
    this.#inherited.set(page, frame, reading)
    return reading
  }
}

/** The nearest frame around a frame that has a URL of its own. */
function outerFrame(frame: DriverFrame): DriverFrame | undefined {
  let at = frame.parent()
  for (let depth = 0; at && isBlankUrl(at.url()) && depth < 100; depth++) at = at.parent()
  return at
}

function outerOrigin(frame: DriverFrame): string {
  const url = outerFrame(frame)?.url() ?? ''
  return URL.canParse(url) ? new URL(url).origin : 'null'
}
