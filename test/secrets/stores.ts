import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { findBao, findMoto } from '../../scripts/secret-stores.mjs'
import { freePort } from '../support/loopback.js'

const READY_WITHIN_MS = 60_000
const { PATH = '', HOME = '' } = process.env

/** A real OpenBao, on loopback, unsealed, with a KV engine of version 2 at `secret/`. */
export interface RunningBao {
  readonly address: string
  /** Its root token. */
  readonly token: string
  /** The certificate of its own CA, if it speaks TLS. */
  readonly ca: string | undefined
  /** Calls its API with the root token and returns the parsed reply. Throws where it refuses. */
  api(method: string, path: string, body?: object, more?: { namespace?: string; token?: string }): Promise<ApiReply>
  /** Suspends the process, as on a machine that hangs. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: the server may answer anything
type ApiReply = any

export async function startBao({ tls = false } = {}): Promise<RunningBao> {
  const command = findBao()
  if (!command) throw new Error('These tests need OpenBao: `npm test` fetches it.')
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-bao-'))
  const port = await freePort()
  const token = 'root-token-of-the-tests'
  const words = ['server', '-dev', '-dev-no-store-token', `-dev-root-token-id=${token}`]
  words.push(`-dev-listen-address=127.0.0.1:${port}`)
  if (tls) words.push('-dev-tls', `-dev-tls-cert-dir=${folder}`)
  const child = start(command, words, { HOME: folder })
  const address = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
  // The server creates its certificates when it starts.
  const ca = () => (tls ? readFileSync(join(folder, 'vault-ca.pem'), 'utf8') : undefined)

  const api: RunningBao['api'] = async (method, path, body, more = {}) => {
    const dispatcher = new Agent({ pipelining: 0, connect: { ca: ca() ?? [] } })
    const { statusCode, body: reply } = await request(`${address}/v1/${path}`, {
      method: method as 'GET',
      dispatcher,
      headers: {
        'x-vault-token': more.token ?? token,
        ...(more.namespace && { 'x-vault-namespace': more.namespace }),
      },
      body: body ? JSON.stringify(body) : null,
    })
    const text = await reply.text()
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  await ready(child, async () => (await api('GET', 'sys/mounts')) !== undefined)
  return {
    address,
    token,
    ca: ca(),
    api,
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async stop() {
      await end(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** moto, which imitates AWS. */
export interface RunningMoto {
  readonly endpoint: string
  stop(): Promise<void>
}

export async function startMoto(): Promise<RunningMoto> {
  const moto = findMoto()
  if (!moto) throw new Error('These tests need moto: `npm test` fetches it.')
  const port = await freePort()
  const child = start(moto.command, [...moto.args, '-H', '127.0.0.1', '-p', String(port)], moto.env)
  const endpoint = `http://127.0.0.1:${port}`
  await ready(child, async () => {
    const { statusCode, body } = await request(`${endpoint}/moto-api/data.json`)
    await body.dump()
    return statusCode === 200
  })
  return { endpoint, stop: () => end(child) }
}

interface Started extends ChildProcess {
  output?: string
}

function start(command: string, words: readonly string[], env: Readonly<Record<string, string>>): Started {
  const child: Started = spawn(command, words, { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      child.output = `${child.output}${chunk}`.slice(-4000)
    })
  }
  return child
}

async function ready(child: Started, answers: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline && child.exitCode === null) {
    if (await answers().catch(() => false)) return
    await sleep(50)
  }
  await end(child)
  throw new Error(`It did not start: ${child.output}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
