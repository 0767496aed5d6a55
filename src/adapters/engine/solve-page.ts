import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import type { Omitted, PageScan, WidgetLocation } from './finder.js'
import { InFlightSolves } from './in-flight.js'
import { captchaClosed } from './page-errors.js'
import { type SkipReason, type SolveResult, summarize, unnamedPage, type WidgetResult } from './result.js'
import { skipReason, solveWidget } from './solve-widget.js'
import type { SolveTools } from './tools.js'

/** Options of `captcha.solve`. */
export interface SolvePageOptions {
  /**
   * - `due`: what a person would have to deal with now
   * - `all`: every widget, answered and not executed ones too
   * - a list: these widgets, as `find` returned them; `action`, `minScore` and `dataS` may be changed
   * @default 'due'
   */
  which?: 'due' | 'all' | readonly FoundChallenge[] | undefined
  /**
   * Ends the call early: what is under way is reported as failed with `SOLVE_ABORTED`, and stays accounted for.
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * Throws the first denial, once all solves have ended, instead of returning it; also that of a page whose origin the
   * policy does not name.
   * @default false
   */
  throwOnDenied?: boolean | undefined
}

/** What the last scan of a page found, by challenge id, and the tick of its start. */
interface LastScan {
  readonly widgets: ReadonlyMap<string, WidgetLocation>
  readonly since: number
}

const NOTHING_OMITTED: Omitted = {
  widgets: 0,
  malformed: 0,
  malformedWidgets: [],
  unresponsive: 0,
  frames: 0,
}

/** Solves the widgets of pages, all widgets of one page at once. */
export class PageSolver {
  readonly #tools: SolveTools
  readonly #closing: AbortSignal
  readonly #inFlight = new InFlightSolves()
  readonly #lastScans = new WeakMap<DriverPage, LastScan>()

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
    const scan = await this.#tools.finder.scan(page)
    this.#lastScans.set(page, { widgets: new Map(scan.widgets.map((one) => [one.challenge.id, one])), since })
    return scan
  }

  /** Why a widget that was found is not to be solved now; undefined if it is. */
  skipReason(challenge: FoundChallenge): SkipReason | undefined {
    return skipReason(challenge, this.#tools.grant.policy, this.#inFlight.renewals(challenge.id))
  }

  async solve(page: DriverPage, options: SolvePageOptions): Promise<SolveResult> {
    checkSolveOptions(options)
    const { which = 'due', signal, throwOnDenied } = options
    const since = this.#inFlight.tick()
    const { widgets, ...others } = Array.isArray(which)
      ? { widgets: this.#locationsOf(page, which), unknown: [], unnamed: [], omitted: NOTHING_OMITTED }
      : await this.scan(page)
    this.#checkOpen()
    const ended = await Promise.allSettled(
      widgets.map((widget) => this.#solveOne(widget, which === 'due', since, signal)),
    )
    const results = ended.map((end) => {
      if (end.status === 'rejected') throw end.reason
      return end.value
    })
    const unnamed = unnamedPage(others.unnamed)
    const result = summarize(results, others, unnamed && this.#tools.grant.denyUnnamed(unnamed.pageUrl))
    const [denial] = result.denied
    if (throwOnDenied && denial) throw denial.error
    return result
  }

  /**
   * Solves one widget of the last scan, if it is still due.
   * @throws SolveguardError `GUARD_CLOSED`, `CONFIG_INVALID`
   */
  async solveFound(page: DriverPage, challenge: FoundChallenge, signal: AbortSignal): Promise<WidgetResult> {
    this.#checkOpen()
    const [widget] = this.#locationsOf(page, [challenge])
    if (!widget) throw new TypeError('No widget was named.')
    // During a slow scan, another call may have solved the widget.
    return this.#solveOne(widget, true, this.#lastScans.get(page)?.since ?? 0, signal)
  }

  /** @param since the tick of the page's scan */
  async #solveOne(
    widget: WidgetLocation,
    onlyIfDue: boolean,
    since: number,
    signal: AbortSignal | undefined,
  ): Promise<WidgetResult> {
    const { challenge } = widget
    const reason = onlyIfDue ? this.skipReason(challenge) : undefined
    if (reason) return { outcome: { kind: 'skipped', challenge, reason }, started: true }
    // Solved by another call since the scan.
    if (onlyIfDue && this.#inFlight.solvedSince(challenge.id, since)) {
      return { outcome: { kind: 'skipped', challenge, reason: 'answered' }, started: true }
    }
    return this.#inFlight.joinOrStart(challenge, signal, (abort) => solveWidget(this.#tools, widget, onlyIfDue, abort))
  }

  /** Where listed challenges are. Other fields than these three are as they were found, whatever the caller changed. */
  #locationsOf(page: DriverPage, list: readonly FoundChallenge[]): WidgetLocation[] {
    return list.map(({ id, action, minScore, dataS }) => {
      const widget = this.#lastScans.get(page)?.widgets.get(id)
      if (widget) return { ...widget, challenge: { ...widget.challenge, action, minScore, dataS } }
      throw new SolveguardError(
        'CONFIG_INVALID',
        "`which` takes challenges that this captcha's last find() returned for this page.",
      )
    })
  }

  #checkOpen(): void {
    if (this.#closing.aborted) throw captchaClosed()
  }
}

function checkSolveOptions(options: SolvePageOptions): void {
  checkOptionNames('solve', options, ['which', 'signal', 'throwOnDenied'] satisfies (keyof SolvePageOptions)[])
  const { which } = options
  if (which === undefined || which === 'due' || which === 'all' || Array.isArray(which)) return
  throw new SolveguardError('CONFIG_INVALID', "solve() takes `which: 'due'`, `'all'`, or a list from find().")
}
