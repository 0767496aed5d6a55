import { SolveguardError } from '../../base/errors.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'
import { checkNames } from './check-options.js'
import type { Look, Omitted, Place } from './finder.js'
import { Shared } from './in-flight.js'
import { type Ended, type SkipReason, type SolveResult, sum } from './result.js'
import { solveWidget, whyNot } from './solve-widget.js'
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
  readonly #shared = new Shared()
  /** What the last look at each page found, by the challenges' ids; and when it was begun, by the count of `Shared`. */
  readonly #looks = new WeakMap<DriverPage, { readonly places: Map<string, Place>; readonly since: number }>()

  /** @param closing ends what is under way */
  constructor(tools: SolveTools, closing: AbortSignal) {
    this.#tools = tools
    this.#closing = closing
    closing.addEventListener('abort', () => this.#shared.abort())
  }

  /** @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED` */
  async look(page: DriverPage): Promise<Look> {
    this.#checkOpen()
    const since = this.#shared.now()
    const found = await this.#tools.finder.find(page)
    this.#looks.set(page, { places: new Map(found.places.map((place) => [place.challenge.id, place])), since })
    return found
  }

  /** Why a widget that was found is none to be solved now; undefined if it is. */
  whyNot(challenge: FoundChallenge): SkipReason | undefined {
    return whyNot(challenge, this.#tools.grant.policy, this.#shared.renewed(challenge.id))
  }

  async solve(page: DriverPage, options: SolvePageOptions): Promise<SolveResult> {
    checkOptions(options)
    const { which = 'due', signal, throwOnDenied } = options
    const since = this.#shared.now()
    const { places, unknown, leftOut } = Array.isArray(which)
      ? { places: this.#placesOf(page, which), unknown: [], leftOut: NOTHING_LEFT_OUT }
      : await this.look(page)
    this.#checkOpen()
    const ended = await Promise.allSettled(places.map((place) => this.#solveOne(place, which === 'due', since, signal)))
    const results = ended.map((end) => {
      if (end.status === 'rejected') throw end.reason
      return end.value
    })
    const result = sum(results, leftOut, unknown)
    if (throwOnDenied && result.denied[0]) throw result.denied[0].error
    return result
  }

  /**
   * Solves one widget of the last look, if it is still due.
   * @throws SolveguardError `GUARD_CLOSED`, `CONFIG_INVALID`
   */
  async solveFound(page: DriverPage, challenge: FoundChallenge, signal: AbortSignal): Promise<Ended> {
    this.#checkOpen()
    const [place] = this.#placesOf(page, [challenge])
    if (!place) throw new TypeError('No widget was named.')
    // Its look may have been a slow one, that another solve of the widget has overtaken.
    return this.#solveOne(place, true, this.#looks.get(page)?.since ?? 0, signal)
  }

  /** @param since when the page was looked at, by the count of `Shared` */
  async #solveOne(place: Place, onlyIfDue: boolean, since: number, signal: AbortSignal | undefined): Promise<Ended> {
    const { challenge } = place
    const reason = onlyIfDue ? this.whyNot(challenge) : undefined
    if (reason) return { outcome: { kind: 'skipped', challenge, reason }, own: true }
    // Solved by another call since we looked.
    if (onlyIfDue && this.#shared.solvedSince(challenge.id, since)) {
      return { outcome: { kind: 'skipped', challenge, reason: 'answered' }, own: true }
    }
    return this.#shared.run(challenge, signal, (abort) => solveWidget(this.#tools, place, onlyIfDue, abort))
  }

  /** Where listed challenges stand: what they are is as it was found, whatever the caller made of it. */
  #placesOf(page: DriverPage, list: readonly FoundChallenge[]): Place[] {
    return list.map(({ id, action, minScore, dataS }) => {
      const place = this.#looks.get(page)?.places.get(id)
      if (place) return { ...place, challenge: { ...place.challenge, action, minScore, dataS } }
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

function checkOptions(options: SolvePageOptions): void {
  checkNames('solve', options, ['which', 'signal', 'throwOnDenied'] satisfies (keyof SolvePageOptions)[])
  const { which } = options
  if (which === undefined || which === 'due' || which === 'all' || Array.isArray(which)) return
  throw new SolveguardError('CONFIG_INVALID', "solve() takes `which: 'due'`, `'all'`, or a list of what find() gave.")
}

const NOTHING_LEFT_OUT: Omitted = { widgets: 0, malformed: 0, unresponsive: 0, frames: 0 }
