import { checkBaseUrl } from '../base/service-url.js'
import { parseProxy } from '../net/proxy.js'
import { USER_AGENT } from './create.js'
import { withEphemeralPool } from './ephemeral-pool.js'

/** How a service is asked for its time. */
export interface ServiceTimeOptions {
  readonly proxy?: string | undefined
  readonly localAddress?: string | undefined
  readonly ca?: string | readonly string[] | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * What a service's clock shows, by the `date` of a reply to HEAD, in wall-clock ms; undefined where it sends none. No
 * key is sent.
 * @throws Error where there is no reply
 */
export async function serviceTime(baseUrl: string, options: ServiceTimeOptions): Promise<number | undefined> {
  const { origin } = checkBaseUrl(baseUrl)
  const { proxy, localAddress, ca, timeoutMs, signal } = options
  const route = { proxy: proxy === undefined ? undefined : parseProxy(proxy), localAddress, ca }
  return withEphemeralPool(new URL(origin), route, async (pool) => {
    const headers = { 'user-agent': USER_AGENT }
    const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
    const reply = await pool.request({ method: 'HEAD', path: '/', headers, signal: signal ?? null, ...times })
    await reply.body.dump()
    const time = Date.parse(String(reply.headers.date))
    return Number.isNaN(time) ? undefined : time
  })
}
