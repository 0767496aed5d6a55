import { Pool } from 'undici'
import type { RouteOptions } from '../net/connection.js'
import { openRoute } from '../net/route.js'

/** Runs `work` with a pool of one connection to an address, and destroys the pool when `work` has settled. */
export async function withEphemeralPool<T>(
  { origin, hostname, port, protocol }: URL,
  options: Omit<RouteOptions, 'origin' | 'authority'>,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const authority = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
  const route = openRoute({ ...options, origin, authority })
  // exchange.ts has one time-out for the whole exchange instead of these two.
  const pool = new Pool(origin, {
    connect: route.connect,
    connections: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    return await work(pool)
  } finally {
    await pool.destroy()
    route.abort()
  }
}
