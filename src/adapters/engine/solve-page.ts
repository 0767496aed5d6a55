import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import type { Omitted, PageScan, WidgetLocation } from './finder.js'
import { InFlightSolves } from './in-flight.js'
import { type SkipReason, type SolveResult, summarize, type WidgetResult } from './result.js'
import { skipReason, solveWidget } from './solve-widget.js'
import type { SolveTools } from './tools.js'

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

/** Solves what is in pages, all widgets of one at once. */
export class PageSolver {
  readonly #tools: SolveTools
  readonly #closing: AbortSignal
  readonly #inFlight = new InFlightSolves()
  /** What the last look at each page found, by the challenges' ids; and when it was begun, by the count of `Shared`. */
  readonly #lastScans = new WeakMap<
    DriverPage,
    { readonly widgets: Map<string, WidgetLocation>; readonly since: number }
  >()

  /** @param closing ends what is under way */
  constructor(tools: SolveTools, closing: AbortSignal) {
    this.#tools = tools
    this.#closing = closing
    closing.addEventListener('abort', () => this.#inFlight.abort())
  }

  /** @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED` */
  async scan(page: DriverPage): Promise<PageScan> {
    this.#checkOpen()
    const since = this.#inFlight.tick()
    const found = await this.#tools.finder.scan(page)
    this.#lastScans.set(page, { widgets: new Map(found.widgets.map((widget) => [widget.challenge.id, widget])), since })
    return found
  }

  /** Why a widget that was found is none to be solved now; undefined if it is. */
  skipReason(challenge: FoundChallenge): SkipReason | undefined {
    return skipReason(challenge, this.#tools.grant.policy, this.#inFlight.renewals(challenge.id))
  }

  async solve(page: DriverPage, options: SolvePageOptions): Promise<SolveResult> {
    checkSolveOptions(options)
    const { which = 'due', signal, throwOnDenied } = options
    const since = this.#inFlight.tick()
    const { widgets, unknown, omitted } = Array.isArray(which)
      ? { widgets: this.#locationsOf(page, which), unknown: [], omitted: NOTHING_OMITTED }
      : await this.scan(page)
    this.#checkOpen()
    const ended = await Promise.allSettled(
      widgets.map((widget) => this.#solveOne(widget, which === 'due', since, signal)),
    )
    const results = ended.map((end) => {
      if (end.status === 'rejected') throw end.reason
      return end.value
    })
    const result = summarize(results, omitted, unknown)
    if (throwOnDenied && result.denied[0]) throw result.denied[0].error
    return result
  }

  /**
   * Solves one widget of the last look, if it is still due.
   * @throws SolveguardError `GUARD_CLOSED`, `CONFIG_INVALID`
   */
  async solveFound(page: DriverPage, challenge: FoundChallenge, signal: AbortSignal): Promise<WidgetResult> {
    this.#checkOpen()
    const [widget] = this.#locationsOf(page, [challenge])
    if (!widget) throw new TypeError('No widget was named.')
    // Its look may have been a slow one, that another solve of the widget has overtaken.
    return this.#solveOne(widget, true, this.#lastScans.get(page)?.since ?? 0, signal)
  }

  /** @param since when the page was looked at, by the count of `Shared` */
  async #solveOne(
    widget: WidgetLocation,
    onlyIfDue: boolean,
    since: number,
    signal: AbortSignal | undefined,
  ): Promise<WidgetResult> {
    const { challenge } = widget
    const reason = onlyIfDue ? this.skipReason(challenge) : undefined
    if (reason) return { outcome: { kind: 'skipped', challenge, reason }, started: true }
    // Solved by another call since we looked.
    if (onlyIfDue && this.#inFlight.solvedSince(challenge.id, since)) {
      return { outcome: { kind: 'skipped', challenge, reason: 'answered' }, started: true }
    }
    return this.#inFlight.joinOrStart(challenge, signal, (abort) => solveWidget(this.#tools, widget, onlyIfDue, abort))
  }

  /** Where listed challenges stand: what they are is as it was found, whatever the caller made of it. */
  #locationsOf(page: DriverPage, list: readonly FoundChallenge[]): WidgetLocation[] {
    return list.map(({ id, action, minScore, dataS }) => {
      const widget = this.#lastScans.get(page)?.widgets.get(id)
      if (widget) return { ...widget, challenge: { ...widget.challenge, action, minScore, dataS } }
      throw new SolveguardError(
        'CONFIG_INVALID',
        "`which` takes challenges that this captcha's last find() gave for this very page.",
      )
    })
  }

  #checkOpen(): void {
    if (!this.#closing.aborted) return
    throw captchaClosed()
  }
}

/** What a closed captcha says. */
export function captchaClosed(): SolveguardError {
  return new SolveguardError('GUARD_CLOSED', 'This captcha was closed: guard the context again.')
}

function checkSolveOptions(options: SolvePageOptions): void {
  checkOptionNames('solve', options, ['which', 'signal', 'throwOnDenied'] satisfies (keyof SolvePageOptions)[])
  const { which } = options
  if (which === undefined || which === 'due' || which === 'all' || Array.isArray(which)) return
  throw new SolveguardError('CONFIG_INVALID', "solve() takes `which: 'due'`, `'all'`, or a list of what find() gave.")
}

const NOTHING_OMITTED: Omitted = { widgets: 0, malformed: 0, unresponsive: 0, frames: 0 }
