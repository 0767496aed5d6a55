import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen } from './tap.js'

/** A real proxy, on a free port of loopback, that this process started and stops. */
export interface RunningProxy {
  readonly port: number
  readonly url: string
  /** What it wrote down. */
  log(): Promise<string>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

const READY_WITHIN_MS = 20_000

/** tinyproxy; with a user and a password, if they are given. */
export function startTinyproxy(login?: { user: string; password: string }): Promise<RunningProxy> {
  return startProxy('tinyproxy', ['/usr/bin/tinyproxy', '/usr/sbin/tinyproxy'], (port, folder) => ({
    arguments: ['-d', '-c', join(folder, 'conf')],
    configuration: [
      `Port ${port}`,
      'Listen 127.0.0.1',
      'Allow 127.0.0.1',
      'MaxClients 200',
      'Timeout 60',
      'LogLevel Info',
      `LogFile "${join(folder, 'log')}"`,
      ...(login ? [`BasicAuth ${login.user} ${login.password}`] : []),
    ],
  }))
}

/** squid, which looks these names up in a table of its own: names that nobody else knows. */
export function startSquid(names: Readonly<Record<string, string>> = {}): Promise<RunningProxy> {
  return startProxy('squid', ['/usr/sbin/squid'], async (port, folder) => {
    const hosts = join(folder, 'hosts')
    await writeFile(
      hosts,
      Object.entries(names)
        .map(([name, address]) => `${address} ${name}\n`)
        .join(''),
    )
    // squid gives up root for a user of its own, who has to be able to write here.
    await chmod(folder, 0o777)
    return {
      arguments: ['-N', '-f', join(folder, 'conf')],
      configuration: [
        `http_port 127.0.0.1:${port}`,
        `hosts_file ${hosts}`,
        'http_access allow localhost',
        'http_access deny all',
        'cache deny all',
        'pid_filename none',
        'netdb_filename none',
        'shutdown_lifetime 0 seconds',
        `access_log stdio:${join(folder, 'log')}`,
        `cache_log ${join(folder, 'cache.log')}`,
        `coredump_dir ${folder}`,
      ],
    }
  })
}

interface Setup {
  readonly arguments: string[]
  readonly configuration: string[]
}

async function startProxy(
  name: string,
  paths: readonly string[],
  setup: (port: number, folder: string) => Setup | Promise<Setup>,
): Promise<RunningProxy> {
  const program = paths.find((path) => existsSync(path))
  if (!program) throw new Error(`These tests need ${name}: install it with \`apt-get install ${name}\`.`)
  const folder = await mkdtemp(join(tmpdir(), `solveguard-${name}-`))
  const port = await freePort()
  const { arguments: words, configuration } = await setup(port, folder)
  await writeFile(join(folder, 'conf'), `${configuration.join('\n')}\n`)
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()))

  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  try {
    await untilReachable(port, child)
  } catch (error) {
    await end('SIGKILL')
    throw new Error(`${name} did not start: ${output.slice(-2000)}`, { cause: error })
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    log: () => readFile(join(folder, 'log'), 'latin1'),
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilReachable(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('close', () => {})
      socket.once('connect', () => socket.destroy())
    })
    if (reached) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('nobody listens')
}
