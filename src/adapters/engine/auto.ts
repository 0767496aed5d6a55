import { messageOf, SolveguardError } from '../../base/errors.js'
import { type Money, micros, ZERO } from '../../policy/money.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { DriverPage } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import type { WidgetLocation } from './finder.js'
import { PageChanges } from './page-changes.js'
import type { Outcome } from './result.js'
import type { PageSolver } from './solve-page.js'
import type { SolveTools } from './tools.js'

/** How a page is solved by itself. */
export interface AutoOptions {
  /** Ends it, like `stop`. */
  signal?: AbortSignal | undefined
  /** At most so many solves are begun; then it ends. Default: as many as the policy's budgets allow. */
  maxSolves?: number | undefined
  /** Called with what became of each widget that was due. One that throws disturbs nothing. */
  onOutcome?: ((outcome: Outcome) => void) | undefined
}

/** What it came to. */
export interface AutoResult {
  readonly solved: number
  readonly denied: number
  readonly failed: number
  /** What the solutions cost that it asked for. */
  readonly cost: Money
}

/** A page that is being solved by itself, until `stop`. */
export interface AutoSolving extends AsyncDisposable {
  /** Settles once it has ended: stopped, by its signal, at `maxSolves`, or because the page or the captcha was closed. Never rejects. */
  readonly ended: Promise<AutoResult>
  /** Ends it, and what it has under way. */
  stop(): Promise<AutoResult>
}

/** Until when one asking of a widget is left alone; `Infinity` until the page asks anew. */
interface HandledRequest {
  until: number
  /** A denial without a time for another try holds for the widget, however often it is asked for. */
  readonly permanent: boolean
  /** Only because its document was being loaded. */
  readonly loading?: boolean
}

const MAX_REMEMBERED = 1_000
/** How long a document may take to load before its widgets are solved all the same. */
const LOADING_MS = 15_000
/** How long a page has to make something of a solution, before a widget that is still due counts as asked for anew. */
const SETTLE_MS = 3_000

/** Solves whatever becomes due in a page. @param closing ends it */
export function solveAutomatically(
  tools: SolveTools,
  solver: PageSolver,
  page: DriverPage,
  options: AutoOptions,
  closing: AbortSignal,
): AutoSolving {
  checkOptionNames('auto', options, ['signal', 'maxSolves', 'onOutcome'] satisfies (keyof AutoOptions)[])
  const { signal, maxSolves = Number.POSITIVE_INFINITY, onOutcome } = options
  if (!(maxSolves > 0))
    throw new SolveguardError('CONFIG_INVALID', 'auto() takes `maxSolves` as a number of solves, from 1.')
  const stopping = new AbortController()
  const ends = AbortSignal.any([stopping.signal, closing, ...(signal ? [signal] : [])])
  const changes = new PageChanges(tools, page)
  const underWay = new Map<string, Promise<void>>()
  const handled = new Map<string, HandledRequest>()
  const total = { solved: 0, denied: 0, failed: 0, cost: ZERO as Money }
  let begun = 0
  const ended = run()

  async function run(): Promise<AutoResult> {
    try {
      while (!ends.aborted && !page.isClosed() && begun < maxSolves) {
        changes.arm()
        const scan = await solver.scan(page).catch(() => undefined)
        if (scan) startDue(scan.widgets)
        if (!page.isClosed()) await waitForChange(begun >= maxSolves)
      }
    } finally {
      changes.stop()
      await Promise.all(underWay.values())
    }
    return total
  }

  function startDue(widgets: readonly WidgetLocation[]): void {
    const now = tools.clock.now()
    for (const { challenge, loading } of widgets) {
      const { id } = challenge
      if (underWay.has(id)) continue
      if (!loading && handled.get(id)?.loading) handled.delete(id)
      const before = handled.get(id)
      if (solver.skipReason(challenge)) {
        // It is at rest: when it is due the next time, that is another asking.
        if (before && !before.permanent) handled.delete(id)
        continue
      }
      if (begun >= maxSolves || (before && now < before.until)) continue
      // What the page's own scripts have yet to say of it, its callback say, is waited for a little.
      if (loading && !before) {
        remember(id, now + LOADING_MS, false, true)
        continue
      }
      begun++
      underWay.set(
        id,
        solve(challenge).finally(() => {
          underWay.delete(id)
          changes.wake()
        }),
      )
    }
  }

  async function solve(challenge: FoundChallenge): Promise<void> {
    try {
      const { outcome, started } = await solver.solveFound(page, challenge, ends)
      report(outcome, started)
      // Seen at rest, it is free for another asking at once. One that does not rest is perhaps being sent, or drawn, just now.
      if (outcome.kind === 'solved') return remember(challenge.id, tools.clock.now() + SETTLE_MS, false)
      const retryAt = outcome.kind === 'denied' ? outcome.error.retryAt?.getTime() : undefined
      remember(challenge.id, retryAt ?? Number.POSITIVE_INFINITY, outcome.kind === 'denied' && retryAt === undefined)
    } catch {
      remember(challenge.id, Number.POSITIVE_INFINITY, false)
    }
  }

  function remember(id: string, until: number, forGood: boolean, loading = false): void {
    handled.set(id, { until, permanent: forGood, loading })
    const [oldest] = handled.keys()
    if (handled.size > MAX_REMEMBERED && oldest !== undefined) handled.delete(oldest)
  }

  function report(outcome: Outcome, started: boolean): void {
    if (outcome.kind !== 'skipped') total[outcome.kind]++
    const solution = 'solution' in outcome ? outcome.solution : undefined
    if (started && solution) total.cost = micros(total.cost + solution.cost)
    try {
      onOutcome?.(outcome)
    } catch (error) {
      process.emitWarning(`onOutcome threw: ${messageOf(error)}`, { type: 'SolveguardListener' })
    }
  }

  /** Until there is something to look at, or a denial's time is over. */
  async function waitForChange(done: boolean): Promise<void> {
    if (done) return
    const now = tools.clock.now()
    const next = Math.min(...[...handled.values()].map(({ until }) => until).filter((until) => until > now))
    const cancel = Number.isFinite(next) ? tools.clock.after(next - now, () => changes.wake()) : () => {}
    await changes.next(ends)
    cancel()
  }

  async function stop(): Promise<AutoResult> {
    stopping.abort()
    return ended
  }

  return {
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
