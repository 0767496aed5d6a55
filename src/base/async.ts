/**
 * A value, or a promise of one. Callers await only promises, so that a synchronous result costs no turn of the event
 * loop.
 */
export type MaybePromise<T> = T | Promise<T>

/** Whether a value has to be awaited. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function'
}

/**
 * Calls the work at once. What it throws synchronously becomes a rejection: in an array for `Promise.all`, a throw
 * would leave the promises before it without a handler, and a rejection without a handler ends the process.
 */
export async function promised<T>(work: () => MaybePromise<T>): Promise<T> {
  return work()
}
