import { Pool } from 'undici'
import { openRoute } from './connect.js'
import type { RouteOptions } from './connection.js'

/** Does something with a connection to an address that is let go of again, whatever came of it. */
export async function withEphemeralPool<T>(
  { origin, hostname, port, protocol }: URL,
  way: Omit<RouteOptions, 'origin' | 'authority'>,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const authority = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
  const out = openRoute({ ...way, origin, authority })
  // One timer for the whole exchange (exchange.ts) stands for the two time-outs.
  const pool = new Pool(origin, {
    connect: out.connect,
    connections: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    return await work(pool)
  } finally {
    await pool.destroy()
    out.abort()
  }
}
