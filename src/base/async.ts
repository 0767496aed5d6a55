/**
 * A value, or a promise of one. Callers await only promises, so that a synchronous result costs no turn of the event
 * loop.
 */
export type MaybePromise<T> = T | Promise<T>

/** Whether a value has to be awaited. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function'
}
