import { createServer, type Server } from 'node:http'
import type { Clock } from '../../base/clock.js'
import { messageOf, SolveguardError } from '../../base/errors.js'
import { answer, type CallbackReceiver } from './receive.js'

/** How long a service may take for a request, in ms. */
const REQUEST_MS = 5_000
const MAX_HEADER_BYTES = 32 * 1024
const MAX_CONNECTIONS = 1_000
/** How often a port is tried that another process has. */
const RETRY_MS = 5_000

/** A server for call-backs. */
export interface CallbackServer {
  close(): Promise<void>
}

/**
 * Listens for call-backs. A port that is in use is most likely another process's of the same guard, which takes the
 * call-backs of both: it is tried again until it is free. Nothing of it keeps the process from ending.
 *
 * @throws SolveguardError `CONFIG_INVALID` where that address cannot be listened on
 */
export async function listenForCallbacks(
  receiver: CallbackReceiver,
  { host, port }: { readonly host: string; readonly port: number },
  clock: Pick<Clock, 'after'>,
): Promise<CallbackServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => answer(receiver, request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.on('connection', (socket) => socket.unref())
  server.on('clientError', (_, socket) => socket.destroy())
  let isClosed = false
  let cancelRetry = (): void => {}
  const listen = async (): Promise<void> => {
    if (isClosed || (await isListening(server, host, port))) return
    cancelRetry = clock.after(RETRY_MS, () => void listen().catch(() => {}), false)
  }
  await listen()
  return {
    async close() {
      isClosed = true
      cancelRetry()
      if (!server.listening) return
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

/**
 * @returns false if another process listens there
 * @throws SolveguardError `CONFIG_INVALID`
 */
async function isListening(server: Server, host: string, port: number): Promise<boolean> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', () => {}).unref()
    return true
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'EADDRINUSE') return false
    const where = `${host}:${port}`
    throw new SolveguardError(
      'CONFIG_INVALID',
      `options.callbacks.listen: cannot listen on ${where} (${messageOf(cause)}).`,
      { cause },
    )
  }
}
