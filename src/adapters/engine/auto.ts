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

/** Options of `captcha.auto`. */
export interface AutoOptions {
  /**
   * Ends it, like `stop`.
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * Ends after this many solves were started.
   * @default no limit but the policy's budgets
   */
  maxSolves?: number | undefined
  /**
   * Called with the outcome for each widget that was due. If it throws, the error is only a process warning.
   * @default none
   */
  onOutcome?: ((outcome: Outcome) => void) | undefined
}

/** The counts of `captcha.auto`. */
export interface AutoResult {
  /** How many widgets were solved. */
  readonly solved: number
  /** How many solves a layer denied. */
  readonly denied: number
  /** How many solves failed. */
  readonly failed: number
  /** What its own solves cost, in micro-dollars. */
  readonly cost: Money
}

/** A running `captcha.auto`, until `stop`. */
export interface AutoSolving extends AsyncDisposable {
  /**
   * Resolves once it has ended: stopped, by its signal, at `maxSolves`, or because the page or the captcha was closed.
   * Never rejects.
   */
  readonly ended: Promise<AutoResult>
  /** Ends it, and aborts its solves. */
  stop(): Promise<AutoResult>
}

/** A widget that was due and was handled. */
interface HandledWidget {
  /** Wall time in ms until which it is not solved again; `Infinity`: until the page asks again. */
  until: number
  /** A denial without `retryAt` holds for the widget, however often the page asks for it. */
  readonly permanent: boolean
  /** Not solved yet, only because its document was still loading. */
  readonly loading?: boolean
}

const MAX_REMEMBERED = 1_000
/** How long a document may load before its widgets are solved all the same. */
const LOADING_MS = 15_000
/** How long a page may take to use a solution, before a widget that is still due counts as asked for again. */
const SETTLE_MS = 3_000

/** Solves each widget of a page as it becomes due. @param closing ends it */
export function solveAutomatically(
  tools: SolveTools,
  solver: PageSolver,
  page: DriverPage,
  options: AutoOptions,
  closing: AbortSignal,
): AutoSolving {
  checkOptionNames('auto', options, ['signal', 'maxSolves', 'onOutcome'] satisfies (keyof AutoOptions)[])
  const { signal, maxSolves = Number.POSITIVE_INFINITY, onOutcome } = options
  if (!(maxSolves > 0)) throw new SolveguardError('CONFIG_INVALID', 'auto() takes a number from 1 as `maxSolves`.')
  const stopping = new AbortController()
  const ends = AbortSignal.any([stopping.signal, closing, ...(signal ? [signal] : [])])
  const changes = new PageChanges(tools, page)
  const underWay = new Map<string, Promise<void>>()
  const handled = new Map<string, HandledWidget>()
  const total = { solved: 0, denied: 0, failed: 0, cost: ZERO as Money }
  let begun = 0
  const ended = run()

  async function run(): Promise<AutoResult> {
    try {
      while (!ends.aborted && !page.isClosed() && begun < maxSolves) {
        changes.arm()
        const scan = await solver.scan(page).catch(() => undefined)
        if (scan) startDue(scan.widgets)
        if (!page.isClosed() && begun < maxSolves) await waitForChange()
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
        // Not due now: when it is due the next time, the page has asked again.
        if (before && !before.permanent) handled.delete(id)
        continue
      }
      if (begun >= maxSolves || (before && now < before.until)) continue
      // The page's own scripts may still change it, its callback for example.
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
      // Once a scan shows it as not due, it may be solved again at once. Until then the page may be using the solution.
      if (outcome.kind === 'solved') return remember(challenge.id, tools.clock.now() + SETTLE_MS, false)
      const retryAt = outcome.kind === 'denied' ? outcome.error.retryAt?.getTime() : undefined
      remember(challenge.id, retryAt ?? Number.POSITIVE_INFINITY, outcome.kind === 'denied' && retryAt === undefined)
    } catch {
      remember(challenge.id, Number.POSITIVE_INFINITY, false)
    }
  }

  function remember(id: string, until: number, permanent: boolean, loading = false): void {
    handled.set(id, { until, permanent, loading })
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

  /** Resolves when the page has changed, or a widget may be solved again. */
  async function waitForChange(): Promise<void> {
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
