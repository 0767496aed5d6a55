import { connect, createServer, type Socket } from 'node:net'
import { listen } from '../support/loopback.js'

/** Towards the server, or back from it. */
export type Direction = 'up' | 'down'

/** Where a connection fails, and how. */
export interface ByteFault {
  readonly direction: Direction
  /** How many bytes of that direction pass first, in all connections together. */
  readonly bytes: number
  /**
   * `cut`: the connection ends. `reset`: it is reset. `stall`: it stays open, and nothing passes any more. `repeat`:
   * the rest of what was received with that byte passes twice.
   */
  readonly what: 'cut' | 'reset' | 'stall' | 'repeat'
  /** `once`: later connections pass. `always`: they fail in the same way before their first byte. */
  readonly scope: 'once' | 'always'
}

/** A TCP proxy on loopback that lets a connection fail at a certain byte. */
export interface ByteProxy {
  readonly port: number
  /** How many bytes have passed. */
  readonly passed: Readonly<Record<Direction, number>>
  /** Whether the fault has happened. */
  readonly reached: boolean
  /** From now on everything passes. */
  heal(): void
  close(): Promise<void>
}

/** @param until without one, everything passes */
export async function startByteProxy(targetPort: number, until?: ByteFault): Promise<ByteProxy> {
  let fault = until
  const passed = { up: 0, down: 0 }
  const sockets = new Set<Socket>()
  let reached = false

  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    let stalled = false
    const fail = ({ what }: ByteFault, from: Socket, to: Socket): void => {
      reached = true
      if (what === 'stall') stalled = true
      else if (what === 'reset') to.resetAndDestroy()
      else to.end()
      if (what !== 'stall') from.destroy()
    }
    const relay = (from: Socket, to: Socket, direction: Direction): void => {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (stalled) return
        const before = passed[direction]
        passed[direction] += chunk.length
        if (fault?.direction !== direction || reached || passed[direction] <= fault.bytes) {
          to.write(chunk)
          return
        }
        const whole = Math.max(fault.bytes - before, 0)
        if (fault.what === 'repeat') {
          reached = true
          to.write(Buffer.concat([chunk, chunk.subarray(whole)]))
          return
        }
        passed[direction] = before + whole
        if (whole > 0) to.write(chunk.subarray(0, whole))
        fail(fault, from, to)
      })
      from.on('end', () => void (stalled || to.end()))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        if (!stalled || from === client) to.destroy()
      })
    }
    relay(client, target, 'up')
    relay(target, client, 'down')
    if (reached && fault?.scope === 'always' && fault.what !== 'repeat') fail(fault, target, client)
  })
  const port = await listen(server)
  return {
    port,
    passed,
    get reached() {
      return reached
    },
    heal() {
      fault = undefined
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
