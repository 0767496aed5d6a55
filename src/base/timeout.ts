import type { Clock } from './clock.js'

/** How long work may take, and what its promise rejects with when it does not settle by then. */
export interface TimeoutOptions {
  readonly clock: Clock
  /** ms from the call on. */
  readonly ms: number
  /** Makes the error to reject with when the time is over. Called once at most: it may also stop the work. */
  readonly error: () => Error
  /** Ends the wait early, not the work. */
  readonly signal?: AbortSignal | undefined
  /**
   * Makes the error to reject with when the signal aborts. Called once at most.
   * @default the signal's own reason
   */
  readonly abortError?: (() => Error) | undefined
  /**
   * Whether the timer keeps the process from ending by itself.
   * @default true
   */
  readonly keepAlive?: boolean | undefined
}

/**
 * Settles as `work` does, or rejects once the time is over or the signal aborts, whichever is first. It then leaves no
 * timer and no listener behind. What the work does later is ignored: its rejection is never unhandled.
 *
 * @example
 * await withTimeout(ledger.usage(id), { clock, ms: 5_000, error: () => new Error('no answer within 5 s') })
 */
export function withTimeout<T>(work: Promise<T>, options: TimeoutOptions): Promise<T> {
  const { clock, ms, error, signal, abortError, keepAlive = true } = options
  return new Promise<T>((resolve, reject) => {
    let settled = false
    let cancelTimer: (() => void) | undefined
    /** Whether this is the first outcome. It is recorded before the caller's code runs, which may settle the work. */
    const settleOnce = (): boolean => {
      if (settled) return false
      settled = true
      cancelTimer?.()
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    const onAbort = (): void => {
      if (settleOnce()) reject(abortError ? abortError() : signal?.reason)
    }
    work.then(
      (value) => {
        if (settleOnce()) resolve(value)
      },
      (reason) => {
        if (settleOnce()) reject(reason)
      },
    )
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort)
    cancelTimer = clock.after(
      ms,
      () => {
        if (settleOnce()) reject(error())
      },
      keepAlive,
    )
  })
}

/**
 * Resolves once `work` does, or once `ms` are over, whichever is first. Rejects as `work` does. For work that may be
 * left unfinished, such as at the end of a process.
 *
 * @example
 * await waitAtMost(queue.drain(), clock, 5_000)
 */
export async function waitAtMost(work: Promise<unknown>, clock: Clock, ms: number): Promise<void> {
  const late = new Error('late')
  try {
    await withTimeout(work, { clock, ms, error: () => late })
  } catch (error) {
    if (error !== late) throw error
  }
}

/** Resolves after `ms`, or once the signal aborts. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
