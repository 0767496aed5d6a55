import type { IncomingMessage, ServerResponse } from 'node:http'
import { SolveguardError } from '../base/errors.js'
import { answer, type CallbackReceiver } from './callbacks/receive.js'
import { hostOf } from './hosting.js'
import type { Guard } from './types.js'

/**
 * The call-backs of a guard as a function from request to response, to mount at the address in its `callbacks.url`.
 * Every request is answered with 200 at once, whatever it is; its body is not read.
 *
 * @throws SolveguardError `CONFIG_INVALID` for a guard without the option `callbacks`
 * @example
 * const guard = await createGuard({ callbacks: { url: 'https://hooks.example.com/captcha' }, policy })
 * const handler = callbackHandler(guard)
 * app.all('/captcha/*', (context) => handler(context.req.raw)) // Hono
 */
export function callbackHandler(guard: Guard): (request: Request) => Response {
  const receiver = receiverOf(guard, 'callbackHandler')
  return (request) => {
    const { body, status, headers } = receiver.receive(request.method, pathOf(request.url))
    void request.body?.cancel().catch(() => {})
    return new Response(body, { status, headers: { ...headers } })
  }
}

/**
 * As `callbackHandler`, for servers of `node:http` and what is built on them.
 *
 * @throws SolveguardError `CONFIG_INVALID` for a guard without the option `callbacks`
 * @example
 * app.use('/captcha', callbackListener(guard)) // Express
 */
export function callbackListener(guard: Guard): (request: IncomingMessage, response: ServerResponse) => void {
  const receiver = receiverOf(guard, 'callbackListener')
  return (request, response) => answer(receiver, request, response)
}

/** The path and the query of an address. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  return start < 0 ? '/' : url.slice(start)
}

function receiverOf(guard: Guard, call: string): CallbackReceiver {
  const { callbacks } = hostOf(guard)
  if (callbacks) return callbacks
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${call}: this guard asks for no call-backs; set callbacks: { url } in createGuard().`,
  )
}
