import { isPromise } from './async.js'

/**
 * Calls code of the user whose result is not used. Never throws, and leaves no rejection without a handler, which would
 * end the process: whatever kind of promise the code returns.
 * @param failed called with what the code throws, or rejects with. @default it is ignored
 */
export function callUserCode(work: () => unknown, failed: (error: unknown) => void = () => {}): void {
  try {
    const done = work()
    if (isPromise(done)) Promise.resolve(done).catch(failed)
  } catch (error) {
    failed(error)
  }
}
