import { type Clock, systemClock } from '../base/clock.js'
import { printable, SolveguardError } from '../base/errors.js'
import type { Grant } from '../guard/types.js'
import { type Money, micros, ZERO } from '../policy/money.js'
import { observerCall, undoCall } from '../widgets/calls.js'
import type { FoundChallenge } from '../widgets/widget.js'
import { evaluateWithin } from './bounded.js'
import type { Driver, DriverFrame, DriverPage } from './driver.js'
import { Finder, type Found, isVendorFrame, type LeftOut, type Place } from './find.js'
import type { Outcome, SolveResult } from './outcome.js'
import { Shared } from './shared.js'
import { type SolveTools, solveWidget, whyNot } from './solve.js'

/** What is to be solved, and how. */
export interface SolvePageOptions {
  /**
   * - `due` (default): what a person would now have to deal with
   * - `all`: whatever is there, answered and untriggered widgets too
   * - a list: these, as `find` gave them; `action`, `minScore` and `dataS` may have been changed
   */
  which?: 'due' | 'all' | readonly FoundChallenge[] | undefined
  /** Ends the call early: what is under way is reported as failed with `SOLVE_ABORTED`, and accounted for. */
  signal?: AbortSignal | undefined
  /** Throws the first denial, once everything has ended, instead of returning it. */
  throwOnDenied?: boolean | undefined
}

/** CAPTCHAs in the pages of one browser context. */
export interface Captcha<P> extends AsyncDisposable {
  /** The grant that it solves under. */
  readonly grant: Grant
  /**
   * The widgets of a page. Spends nothing and changes nothing.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`
   */
  find(page: P): Promise<Found>
  /**
   * Solves what is due in a page, all at once, and puts the solutions where the page's own code reads them. A widget that
   * another call is already at is not solved twice.
   *
   * @returns what became of each widget; a denial is a result, not a throw
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID` (a list that is not from
   *   this page); `DeniedError` with `throwOnDenied`
   * @example
   * const { solved, cost } = await captcha.solve(page)
   */
  solve(page: P, options?: SolvePageOptions): Promise<SolveResult>
  /** Aborts what is under way and takes everything of ours out of the context and its pages. */
  close(): Promise<void>
}

/** Limits on the time that a context's pages are given. */
export interface CaptchaOptions {
  clock?: Clock | undefined
  /** How long one call into a frame may take, ms. Default: 5,000. */
  evaluateMs?: number | undefined
  /** With `recaptchaV3: 'solve'`, for how long the page's `execute` is held for a solution, ms. Default: 20,000. */
  holdMs?: number | undefined
}

const EVALUATE_MS = 5_000
const HOLD_MS = 20_000

/**
 * The part that all adapters share: finds, solves and injects through a driver, under a grant.
 */
export async function createCaptcha<P>(
  grant: Grant,
  driver: Driver<P>,
  { clock = systemClock, evaluateMs = EVALUATE_MS, holdMs = HOLD_MS }: CaptchaOptions = {},
): Promise<Captcha<P>> {
  const observer = observerCall(grant.policy.recaptchaV3 === 'solve' ? holdMs : 0)
  const uninstall = await driver.install(observer)
  await inAllFrames(observer, (frame) => !isVendorFrame(frame.url()))

  const tools: SolveTools = { grant, clock, evaluateMs, finder: new Finder(clock, evaluateMs) }
  const shared = new Shared()
  const places = new WeakMap<DriverPage, Map<string, Place>>()
  let closing: Promise<void> | undefined

  async function inAllFrames(script: string, wanted = (_: DriverFrame) => true): Promise<void> {
    const pages = await driver.pages()
    const frames = pages.flatMap((page) => (page.isClosed() ? [] : page.frames().filter(wanted)))
    await Promise.all(frames.map((frame) => evaluateWithin(clock, frame, script, evaluateMs)))
  }

  async function look(page: DriverPage): Promise<{ places: Place[]; leftOut: LeftOut }> {
    if (closing) throw new SolveguardError('GUARD_CLOSED', 'This captcha was closed: guard the context again.')
    const found = await tools.finder.find(page)
    places.set(page, new Map(found.places.map((place) => [place.challenge.id, place])))
    return found
  }

  /** Where listed challenges stand: what they are is as it was found, whatever the caller made of it. */
  function placesOf(page: DriverPage, list: readonly FoundChallenge[]): Place[] {
    return list.map(({ id, action, minScore, dataS }) => {
      const place = places.get(page)?.get(id)
      if (place) return { ...place, challenge: { ...place.challenge, action, minScore, dataS } }
      throw new SolveguardError(
        'CONFIG_INVALID',
        "`which` takes challenges that this captcha's last find() gave for this very page.",
      )
    })
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      shared.abort()
      await Promise.all([uninstall().catch(() => undefined), inAllFrames(undoCall).catch(() => undefined)])
    })()
    return closing
  }

  return {
    grant,
    async find(page) {
      const found = await look(driver.page(page))
      const list = found.places.map(({ challenge }) => challenge)
      return Object.defineProperty(list, 'leftOut', { value: found.leftOut }) as unknown as Found
    },
    async solve(page, options = {}) {
      checkOptions(options)
      const { which = 'due', signal, throwOnDenied } = options
      const view = driver.page(page)
      const since = shared.now()
      const list = Array.isArray(which)
      const { places: found, leftOut } = list
        ? { places: placesOf(view, which), leftOut: NOTHING_LEFT_OUT }
        : await look(view)
      if (closing) throw new SolveguardError('GUARD_CLOSED', 'This captcha was closed: guard the context again.')

      const ended = await Promise.allSettled(
        found.map(async (place): Promise<Ended> => {
          const { challenge } = place
          const due = which === 'due'
          const reason = due ? whyNot(challenge, grant.policy) : undefined
          if (reason) return { outcome: { kind: 'skipped', challenge, reason }, own: true }
          // Solved by another call since we looked.
          if (due && shared.solvedSince(challenge.id, since)) {
            return { outcome: { kind: 'skipped', challenge, reason: 'answered' }, own: true }
          }
          return shared.run(challenge, signal, (abort) => solveWidget(tools, place, due, abort))
        }),
      )
      const results = ended.map((end) => {
        if (end.status === 'rejected') throw end.reason
        return end.value
      })
      const result = sum(results, leftOut)
      if (throwOnDenied && result.denied[0]) throw result.denied[0].error
      return result
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const OPTIONS: ReadonlySet<string> = new Set(['which', 'signal', 'throwOnDenied'] satisfies (keyof SolvePageOptions)[])

/** A mistyped option would solve other widgets than those that were meant, for money. */
function checkOptions(options: SolvePageOptions): void {
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name))
  if (unknown !== undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solve() has no option ${printable(unknown, 60)}, only ${[...OPTIONS].join(', ')}.`,
    )
  }
  const { which } = options
  if (which === undefined || which === 'due' || which === 'all' || Array.isArray(which)) return
  throw new SolveguardError('CONFIG_INVALID', "solve() takes `which: 'due'`, `'all'`, or a list of what find() gave.")
}

const NOTHING_LEFT_OUT: LeftOut = { widgets: 0, malformed: 0, unresponsive: 0, frames: 0 }

interface Ended {
  readonly outcome: Outcome
  /** False where another call had begun it: the cost is in that one's result. */
  readonly own: boolean
}

function sum(results: readonly Ended[], leftOut: LeftOut): SolveResult {
  const solved: SolveResult['solved'][number][] = []
  const denied: SolveResult['denied'][number][] = []
  const failed: SolveResult['failed'][number][] = []
  const skipped: SolveResult['skipped'][number][] = []
  let cost: Money = ZERO
  for (const { outcome, own } of results) {
    const { challenge } = outcome
    if (outcome.kind === 'solved') {
      solved.push({ challenge, solution: outcome.solution, shared: !own })
      if (own) cost = micros(cost + outcome.solution.cost)
    } else if (outcome.kind === 'denied') denied.push({ challenge, error: outcome.error })
    else if (outcome.kind === 'skipped') skipped.push({ challenge, reason: outcome.reason })
    else {
      failed.push({ challenge, error: outcome.error, cost: outcome.solution?.cost })
      if (own && outcome.solution) cost = micros(cost + outcome.solution.cost)
    }
  }
  return { solved, denied, failed, skipped, cost, leftOut }
}
