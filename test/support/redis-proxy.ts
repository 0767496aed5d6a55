import { connect, createServer, type Socket } from 'node:net'
import { listen } from './loopback.js'

/** A proxy in front of a Redis server that knows few commands, as Envoy and twemproxy do. */
export interface RedisProxy {
  readonly url: string
  /** The commands that it got, in capitals. */
  readonly commands: readonly string[]
  readonly connections: number
  close(): Promise<void>
}

const KNOWN: ReadonlySet<string> = new Set(['AUTH', 'PING', 'EVAL', 'EVALSHA'])

/**
 * @param unknown what a client gets for another command: an error with that message, or the end of its connection
 */
export async function startRedisProxy(port: number, unknown: string | 'cut'): Promise<RedisProxy> {
  const commands: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    connections++
    const target = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(one.on('error', () => other.destroy()).on('close', () => other.destroy()))
    }
    target.pipe(client)
    let received = Buffer.alloc(0)
    client.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      for (let command = firstCommand(received); command; command = firstCommand(received)) {
        const { name, bytes } = command
        commands.push(name)
        received = received.subarray(bytes)
        if (KNOWN.has(name)) target.write(command.text)
        else if (unknown === 'cut') return void client.destroy()
        // By way of the server, so that the replies stay in order.
        else target.write(encoded('EVAL', `return redis.error_reply('${unknown}')`, '0'))
      }
    })
  })
  const own = await listen(server)
  return {
    url: `redis://127.0.0.1:${own}`,
    commands,
    get connections() {
      return connections
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function encoded(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

/** The first command of what a client sent (an array of bulk strings), or undefined if it is not complete. */
function firstCommand(received: Buffer): { name: string; bytes: number; text: Buffer } | undefined {
  let at = 0
  const line = (): string | undefined => {
    const end = received.indexOf('\r\n', at)
    if (end < 0) return undefined
    const text = received.toString('latin1', at, end)
    at = end + 2
    return text
  }
  const count = Number(line()?.slice(1))
  if (!Number.isInteger(count)) return undefined
  let name = ''
  for (let word = 0; word < count; word++) {
    const length = Number(line()?.slice(1))
    if (!Number.isInteger(length) || at + length + 2 > received.length) return undefined
    if (word === 0) name = received.toString('latin1', at, at + length).toUpperCase()
    at += length + 2
  }
  return { name, bytes: at, text: received.subarray(0, at) }
}
