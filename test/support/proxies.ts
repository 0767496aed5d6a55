import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './loopback.js'

/** A real proxy on a free loopback port, which this process starts and stops. */
export interface RunningProxy {
  readonly port: number
  readonly url: string
  /** Its log. */
  log(): Promise<string>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

const READY_WITHIN_MS = 60_000
const SHARED_MEMORY = '/dev/shm'

/** Starts tinyproxy; with a login if one is given. */
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

/** Starts squid, which resolves these names from its own table only; with a login if one is given. */
export function startSquid(
  names: Readonly<Record<string, string>> = {},
  login?: { user: string; password: string },
): Promise<RunningProxy> {
  return startProxy('squid', ['/usr/sbin/squid'], async (port, folder) => {
    const hosts = join(folder, 'hosts')
    await writeFile(
      hosts,
      Object.entries(names)
        .map(([name, address]) => `${address} ${name}\n`)
        .join(''),
    )
    // squid switches from root to a user of its own, which has to be able to write here.
    await chmod(folder, 0o777)
    const helper = join(folder, 'login.sh')
    if (login) {
      // squid runs this program, and writes it a line for each login: percent-encoded user and password.
      const wanted = `${encodeURIComponent(login.user)} ${encodeURIComponent(login.password)}`
      const script = `#!/bin/sh\nwhile read -r line; do [ "$line" = '${wanted}' ] && echo OK || echo ERR; done\n`
      await writeFile(helper, script, { mode: 0o755 })
    }
    return {
      // A unique name: instances of one name would share their memory files.
      shared: `solveguard${port}-`,
      arguments: ['-N', '-n', `solveguard${port}`, '-f', join(folder, 'conf')],
      configuration: [
        `http_port 127.0.0.1:${port}`,
        `hosts_file ${hosts}`,
        ...(login
          ? [
              `auth_param basic program ${helper}`,
              'auth_param basic children 1 startup=1',
              'acl known proxy_auth REQUIRED',
              'http_access deny !known',
            ]
          : []),
        'http_access allow localhost',
        'http_access deny all',
        'cache deny all',
        'pid_filename none',
        'netdb_filename none',
        'pinger_enable off',
        'shutdown_lifetime 0 seconds',
        `access_log stdio:${join(folder, 'log')}`,
        `cache_log ${join(folder, 'cache.log')}`,
        `coredump_dir ${folder}`,
      ],
    }
  })
}

/** Starts dante, a SOCKS5 proxy that connects to loopback only; with a login, that of a user of this machine. */
export function startDante(method: 'none' | 'username' = 'none'): Promise<RunningProxy> {
  return startProxy('danted', ['/usr/sbin/danted'], (port, folder) => ({
    arguments: ['-f', join(folder, 'conf')],
    package: 'dante-server',
    configuration: [
      `logoutput: ${join(folder, 'log')}`,
      `internal: 127.0.0.1 port = ${port}`,
      'external: lo',
      `socksmethod: ${method}`,
      'clientmethod: none',
      'client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }',
      'socks block { from: 0.0.0.0/0 to: 127.0.0.9/32 command: connect }',
      'socks pass { from: 127.0.0.0/8 to: 127.0.0.0/8 command: connect }',
    ],
  }))
}

interface Setup {
  readonly arguments: string[]
  readonly configuration: string[]
  /** The prefix of the files that it leaves in shared memory. */
  readonly shared?: string
  /** The Debian package, if its name differs from that of the program. */
  readonly package?: string
}

/** Its port was free a moment ago. If another process has taken it since, another port is tried. */
async function startProxy(...words: Parameters<typeof tryProxy>): Promise<RunningProxy> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryProxy(...words)
    } catch (error) {
      if (tries === 3) throw error
    }
  }
}

async function tryProxy(
  name: string,
  paths: readonly string[],
  setup: (port: number, folder: string) => Setup | Promise<Setup>,
): Promise<RunningProxy> {
  const program = paths.find((path) => existsSync(path))
  const folder = await mkdtemp(join(tmpdir(), `solveguard-${name}-`))
  const port = await freePort()
  const { arguments: words, configuration, shared, package: debian = name } = await setup(port, folder)
  if (!program) throw new Error(`These tests need ${name}: install it with \`apt-get install ${debian}\`.`)
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
    const logs = await Promise.all(
      ['log', 'cache.log'].map((file) => readFile(join(folder, file), 'latin1').catch(() => '')),
    )
    await rm(folder, { recursive: true, force: true })
    throw new Error(`${name} did not start: ${[output, ...logs].join('').slice(-2000)}`, { cause: error })
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    log: () => readFile(join(folder, 'log'), 'latin1'),
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
      if (shared !== undefined) await forget(shared)
    },
  }
}

async function forget(shared: string): Promise<void> {
  const files = await readdir(SHARED_MEMORY).catch(() => [])
  for (const file of files.filter((one) => one.startsWith(shared))) await rm(join(SHARED_MEMORY, file), { force: true })
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
  throw new Error('no process listens')
}
