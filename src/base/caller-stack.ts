import { DeniedError, SolveguardError } from './errors.js'

/** Errors whose stack has the line of a caller. */
const WITH_CALLER = new WeakSet<SolveguardError>()

/**
 * The error to throw in place of one that was made by a timer or a reply, with nothing of the caller below it: the line
 * of the caller is in its stack. V8 takes the line from the function that awaits the result. A caller that does not
 * await it gets the error as it is.
 *
 * @param method the async function that throws it and has awaited something; frames above it are ours
 */
export function withCallerInStack(error: unknown, method: (...args: never[]) => unknown): unknown {
  if (!(error instanceof SolveguardError)) return error
  const caller = { stack: '' }
  Error.captureStackTrace(caller, method)
  const lines = framesOf(caller.stack).filter((line) => !line.includes('(node:'))
  const own = framesOf(error.stack)
  const [first] = lines
  if (first === undefined || own.some((line) => placeOf(line) === placeOf(first))) return error
  // Callers may share an error, such as that of one fetch of the key.
  const thrown = WITH_CALLER.has(error) ? copyOf(error) : error
  WITH_CALLER.add(thrown)
  // A denial is no fault of this package: where in it that was decided says less than its code.
  const above = error instanceof DeniedError ? [] : own
  const stack = [`${error.name} [${error.code}]: ${error.message}`, ...above, ...lines].join('\n')
  Object.defineProperty(thrown, 'stack', { value: stack, writable: true, configurable: true })
  return thrown
}

function copyOf(error: SolveguardError): SolveguardError {
  const { code, message, retryAt, details, cause } = error
  const Kind = error instanceof DeniedError ? DeniedError : SolveguardError
  return new Kind(code, message, { retryAt, details, cause })
}

function framesOf(stack = ''): string[] {
  return stack.split('\n').filter((line) => line.startsWith('    at '))
}

/** The file and the line of a frame, without its column: a call and its `await` have different ones. */
function placeOf(frame: string): string {
  return frame.replace(/^.*[( ](?=\S+$)/, '').replace(/:\d+\)?$/, '')
}
