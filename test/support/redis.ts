import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './loopback.js'

/** A real Redis server on a free loopback port, with its own folder, which this process starts and stops. */
export interface RunningRedis {
  readonly port: number
  readonly url: string
  /** Sends it a command with redis-cli, and returns its reply. */
  cli(...words: string[]): string
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Starts it again on its data, and waits until it serves. */
  restart(): Promise<void>
  /** Suspends it, as on a busy or sleeping machine; and resumes it. */
  hold(): void
  release(): void
  log(): Promise<string>
  stop(): Promise<void>
}

const PATHS = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server']
const READY_WITHIN_MS = 60_000

/** Options of a server, besides an append-only file. */
export interface RedisSetup {
  /** Lines of its configuration. */
  readonly lines?: readonly string[]
  /** Files in its folder before it starts, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** The arguments with which redis-cli logs in. */
  readonly login?: readonly string[]
  /** Where it listens in place of a plain port. */
  readonly listen?: (port: number) => readonly string[]
  /** Makes it a sentinel that watches the server on that port, as `main`, and decides alone. */
  readonly sentinelOf?: number
}

const KEEPS = ['save ""', 'appendonly yes']
const watches = (port: number) => [
  `sentinel monitor main 127.0.0.1 ${port} 1`,
  'sentinel down-after-milliseconds main 500',
  'sentinel failover-timeout main 3000',
]

export async function startRedis({
  lines = [],
  files = {},
  login = [],
  listen,
  sentinelOf,
}: RedisSetup = {}): Promise<RunningRedis> {
  const program = PATHS.find((path) => existsSync(path))
  if (program === undefined)
    throw new Error('These tests need redis-server: install it with `apt-get install redis-server`.')
  const folder = await mkdtemp(join(tmpdir(), 'solveguard-redis-'))
  const port = await freePort()
  const configuration = [
    ...(listen?.(port) ?? [`port ${port}`]),
    'bind 127.0.0.1',
    `dir ${folder}`,
    `logfile ${join(folder, 'log')}`,
    'daemonize no',
    ...(sentinelOf === undefined ? KEEPS : watches(sentinelOf)),
    ...lines,
  ]
  await writeFile(join(folder, 'redis.conf'), `${configuration.join('\n')}\n`)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)

  const cli = (...words: string[]) =>
    execFileSync('redis-cli', ['-p', `${port}`, ...login, ...words], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 20_000,
      stdio: 'pipe',
    }).trim()
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  const start = async () => {
    const mode = sentinelOf === undefined ? [] : ['--sentinel']
    const started = spawn(program, [join(folder, 'redis.conf'), ...mode], { stdio: 'ignore', cwd: folder })
    child = started
    // In case this process ends before it stops the server.
    const orphan = () => started.kill('SIGKILL')
    process.once('exit', orphan)
    ended = new Promise((resolve) => {
      started.once('exit', () => {
        process.off('exit', orphan)
        resolve()
      })
    })
    const until = Date.now() + READY_WITHIN_MS
    for (;;) {
      try {
        if (cli('PING') === 'PONG') return
      } catch {}
      if (started.exitCode !== null || Date.now() > until) {
        await kill()
        throw new Error(`redis-server did not start: ${(await log()).slice(-2_000)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }
  const kill = async () => {
    if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  }
  const log = () => readFile(join(folder, 'log'), 'utf8').catch(() => 'it wrote nothing')
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    cli,
    kill,
    restart: start,
    hold: () => void child?.kill('SIGSTOP'),
    release: () => void child?.kill('SIGCONT'),
    log,
    async stop() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
