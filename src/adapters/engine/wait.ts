import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { DriverPage } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import type { MalformedWidget, PageScan } from './finder.js'
import { PageChanges } from './page-changes.js'
import { pageClosed } from './page-errors.js'
import { unnamedPage } from './result.js'
import type { PageSolver } from './solve-page.js'
import type { SolveTools } from './tools.js'

/** Options of `captcha.waitFor`. */
export interface WaitForOptions {
  /**
   * - `due`: waits for a widget that `solve` would solve now
   * - `all`: waits for any widget, whatever its state
   * @default 'due'
   */
  which?: 'due' | 'all' | undefined
  /**
   * How long to wait, ms; 0: without limit.
   * @default 30_000
   */
  timeout?: number | undefined
  /**
   * Ends the wait early, with `SOLVE_ABORTED`.
   * @default none
   */
  signal?: AbortSignal | undefined
}

const DEFAULT_TIMEOUT_MS = 30_000
/** The longest timer that Node.js has: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Scans a page whenever it has changed, until it has a widget. Continues over navigations, and into frames that are
 * added later.
 *
 * @param closing ends all waits
 * @throws SolveguardError `WAIT_TIMEOUT`, `SOLVE_ABORTED`, `PAGE_GONE`, `GUARD_CLOSED`, `CONFIG_INVALID`
 */
export async function waitForWidgets(
  tools: SolveTools,
  solver: PageSolver,
  page: DriverPage,
  options: WaitForOptions,
  closing: AbortSignal,
): Promise<PageScan> {
  const { which = 'due', timeout = DEFAULT_TIMEOUT_MS, signal } = checkedOptions(options)
  const over = new AbortController()
  const cancel = timeout === 0 ? () => {} : tools.clock.after(timeout, () => over.abort())
  const ends = AbortSignal.any([over.signal, closing, ...(signal ? [signal] : [])])
  const changes = new PageChanges(tools, page)
  let seen = 0
  let malformed: readonly MalformedWidget[] = []
  let denial: DeniedError | undefined
  try {
    for (;;) {
      changes.arm()
      const scan = await solver.scan(page).catch((error) => {
        // The page may still answer the next scan.
        if (error instanceof SolveguardError && error.code === 'PAGE_UNRESPONSIVE') return undefined
        throw error
      })
      const wanted = scan?.widgets.filter(({ challenge }) => which === 'all' || !solver.skipReason(challenge)) ?? []
      if (scan && wanted.length > 0) return { ...scan, widgets: wanted }
      if (page.isClosed()) throw pageClosed()
      seen = scan?.widgets.length ?? 0
      malformed = scan?.omitted.malformedWidgets ?? []
      denial = scan && unnamedPage(scan.unnamed)?.error
      await changes.next(ends)
      if (closing.aborted || signal?.aborted) throw waitAborted()
      if (over.signal.aborted) throw waitTimedOut(which, timeout, { seen, malformed, denial })
    }
  } finally {
    cancel()
    changes.stop()
  }
}

function checkedOptions(options: WaitForOptions): WaitForOptions {
  checkOptionNames('waitFor', options, ['which', 'timeout', 'signal'] satisfies (keyof WaitForOptions)[])
  const { which, timeout } = options
  if (which !== undefined && which !== 'due' && which !== 'all') {
    throw new SolveguardError('CONFIG_INVALID', "waitFor() takes `which: 'due'` or `'all'`.")
  }
  if (timeout !== undefined && !(timeout >= 0 && timeout <= MAX_TIMEOUT_MS)) {
    throw new SolveguardError('CONFIG_INVALID', 'waitFor() takes a `timeout` in milliseconds, 0 for none.')
  }
  return options
}

function waitAborted(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'The wait was aborted; nothing was spent.')
}

/** What the last scan of a wait has shown. */
interface LastScan {
  readonly seen: number
  readonly malformed: readonly MalformedWidget[]
  readonly denial: DeniedError | undefined
}

function waitTimedOut(which: 'due' | 'all', timeout: number, { seen, malformed, denial }: LastScan): SolveguardError {
  if (denial) {
    const why = `The page was not looked into for ${timeout} ms. ${denial.message}`
    return new SolveguardError('WAIT_TIMEOUT', why, { cause: denial })
  }
  const what = which === 'due' ? 'No widget was due' : 'There was no widget'
  const others = seen > 0 ? `; the page has ${seen} that ${seen === 1 ? 'is' : 'are'} not due` : ''
  const [first] = malformed
  const dropped = first ? ` A widget was left out as malformed: ${first.family ?? 'unknown'}. ${first.problem}` : ''
  return new SolveguardError('WAIT_TIMEOUT', `${what} in the page within ${timeout} ms${others}.${dropped}`)
}
