import { SolveguardError } from '../../base/errors.js'
import type { DriverPage } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import type { PageScan } from './finder.js'
import { PageChanges } from './page-changes.js'
import { pageClosed } from './page-errors.js'
import type { PageSolver } from './solve-page.js'
import type { SolveTools } from './tools.js'

/** What is waited for, and for how long. */
export interface WaitForOptions {
  /** `due` (default): one that `solve` would now solve; `all`: any widget, in whatever state. */
  which?: 'due' | 'all' | undefined
  /** Milliseconds; 0: without end, but for the signal. Default: 30,000. */
  timeout?: number | undefined
  /** Ends the wait early, with `SOLVE_ABORTED`. */
  signal?: AbortSignal | undefined
}

const DEFAULT_TIMEOUT_MS = 30_000
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Looks at a page until there is a widget, each time that something has changed; over navigations, and in frames that come late.
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
  try {
    for (;;) {
      // Its error says that the page does not answer: it may yet.
      changes.arm()
      const look = await solver.scan(page).catch((error) => {
        if (error instanceof SolveguardError && error.code === 'PAGE_UNRESPONSIVE') return undefined
        throw error
      })
      const wanted = look?.widgets.filter(({ challenge }) => which === 'all' || !solver.skipReason(challenge)) ?? []
      if (look && wanted.length > 0) return { ...look, widgets: wanted }
      if (page.isClosed()) throw pageClosed()
      seen = look?.widgets.length ?? 0
      await changes.next(ends)
      if (closing.aborted || signal?.aborted) throw waitAborted()
      if (over.signal.aborted) throw waitTimedOut(which, timeout, seen)
    }
  } finally {
    cancel()
    changes.stop()
  }
}

function checkedOptions(options: WaitForOptions): WaitForOptions {
  checkOptionNames('waitFor', options, ['which', 'timeout', 'signal'])
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

function waitTimedOut(which: 'due' | 'all', timeout: number, seen: number): SolveguardError {
  const what = which === 'due' ? 'No widget was due' : 'There was no widget'
  const others = seen > 0 ? `; ${seen} ${seen === 1 ? 'is' : 'are'} there that ${seen === 1 ? 'is' : 'are'} not` : ''
  return new SolveguardError('WAIT_TIMEOUT', `${what} in the page within ${timeout} ms${others}.`)
}
