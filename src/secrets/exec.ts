import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { z } from 'zod'
import { DeniedError, printable, SolveguardError } from '../base/errors.js'
import { type Duration, formatMs } from '../policy/duration.js'
import { check, duration } from '../policy/schema.js'
import { keyIn, parseJson, textAt } from './json.js'
import { parseLines } from './lines.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion, SecretVersions } from './provider.js'

/** How an `execSecret` runs its command, and reads what it prints. */
export interface ExecSecretOptions {
  /**
   * Variables for the command, beside the few that any command needs (`PATH`, `HOME` and the like). It inherits no others: name
   * those that it logs in with, e.g. `{ OP_SERVICE_ACCOUNT_TOKEN: process.env.OP_SERVICE_ACCOUNT_TOKEN }`.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** The folder that it runs in. Default: the working folder. */
  readonly cwd?: string | undefined
  /** How long it may take, up to `10s`, which is the default. */
  readonly timeout?: Duration | undefined
  /** Whether only the first line of what it prints is looked at, as with `pass`, whose entries may have more. */
  readonly firstLine?: boolean | undefined
  /**
   * For a command that prints JSON: where in it things are, e.g. `{ key: 'value', createdAt: 'attributes.created' }`. Dates are ISO 8601.
   */
  readonly json?:
    | {
        readonly key: string
        readonly version?: string | undefined
        readonly createdAt?: string | undefined
        readonly expiresAt?: string | undefined
      }
    | undefined
}

const where = z.string().min(1).max(200)
const noZero = z.string().refine((text) => !text.includes('\0'), 'must not hold a zero byte')
const commandShape = z.array(noZero, { error: "expected a list such as ['op', 'read', 'op://…']" }).min(1).max(100)
const optionsShape = z.strictObject({
  env: z.record(z.string(), noZero.optional()).optional(),
  cwd: noZero.optional(),
  timeout: duration.refine((ms) => ms >= 100 && ms <= 10_000, 'expected 100ms to 10s').optional(),
  firstLine: z.boolean().optional(),
  json: z
    .strictObject({
      key: where,
      version: where.optional(),
      createdAt: where.optional(),
      expiresAt: where.optional(),
    })
    .optional(),
})

const LARGEST_OUTPUT_BYTES = 64 * 1024
/** What any command may need to find its way about, and what Windows' programs do not start without. */
const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME'],
  ...['SYSTEMROOT', 'PATHEXT', 'COMSPEC', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'TEMP', 'TMP'],
]

/**
 * A key that a command prints: `op`, `pass`, `gopass`, `bw`, `gcloud`, `az` or any other. Its first line is the key in use, a second
 * one, if there is one, the key before. It is run without a shell and without input, and ended with whatever it has started
 * when it takes too long or prints too much. What it says on standard error is shown nowhere.
 *
 * @param command the program and its arguments
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ secret: execSecret(['op', 'read', 'op://ci/captcha/credential']), … })
 */
export function execSecret(command: readonly [string, ...string[]], options: ExecSecretOptions = {}): SecretProvider {
  const [program = '', ...words] = check(commandShape, command, 'command')
  if (program === '') throw new SolveguardError('CONFIG_INVALID', 'command[0]: expected a program.')
  const { json, firstLine = false, timeout = 10_000, env = {}, cwd } = check(optionsShape, options, 'options')
  const place = `the command ${printable(basename(program), 60)}`

  function read(output: string): SecretVersions {
    if (output.trim() === '') {
      throw new DeniedError('SECRET_MISSING', `${place} printed nothing: it should print the service's API key.`)
    }
    if (json) return { current: fromJson(output, json, place) }
    const text = firstLine ? (output.split(/\r?\n/, 1)[0] ?? '') : output
    return parseLines(keyIn(text, undefined, place), place)
  }

  return {
    kind: 'exec',
    place,
    fetch: async (signal) => read(await run(program, words, { env: environment(env), cwd, timeout, signal, place })),
  }
}

function fromJson(output: string, at: NonNullable<ExecSecretOptions['json']>, place: string): SecretVersion {
  const value = parseKey(keyIn(output, at.key, place), place)
  const parsed = parseJson(output, place)
  const date = (path: string | undefined): number | undefined => {
    const text = path === undefined ? undefined : textAt(parsed, path)
    if (text === undefined) return undefined
    const ms = Date.parse(text)
    if (!Number.isNaN(ms)) return ms
    throw new DeniedError('SECRET_INVALID', `What ${place} prints has no date at '${printable(path ?? '', 60)}'.`)
  }
  const version = at.version === undefined ? undefined : textAt(parsed, at.version)
  return {
    value,
    version: version && /^[\x21-\x7e]{1,200}$/.test(version) ? version : value.fingerprint,
    createdAt: date(at.createdAt),
    expiresAt: date(at.expiresAt),
  }
}

function environment(more: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const name of INHERITED) if (process.env[name] !== undefined) env[name] = process.env[name]
  return { ...env, ...more }
}

interface RunOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string | undefined
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly place: string
}

/** What a command prints, once it has ended well. */
function run(program: string, words: readonly string[], options: RunOptions): Promise<string> {
  const { env, cwd, timeout, signal, place } = options
  return new Promise((resolve, reject) => {
    const fail = (code: 'SECRET_UNAVAILABLE' | 'SECRET_INVALID', problem: string): void => {
      end()
      reject(new DeniedError(code, `${place} gave no key: ${problem}.`))
    }
    // A group of its own, so that what it has started ends with it; and no terminal, at which it could wait for a password.
    const detached = process.platform !== 'win32'
    const child = spawn(program, words, { env, cwd, detached, stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true })
    const chunks: Buffer[] = []
    let size = 0
    let closed = false
    const timer = setTimeout(() => {
      fail('SECRET_UNAVAILABLE', `it did not end within ${formatMs(timeout)}; is it waiting for somebody to log in?`)
    }, timeout)
    const onAbort = () => fail('SECRET_UNAVAILABLE', 'it was not waited for any longer')
    signal?.addEventListener('abort', onAbort)

    function end(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      child.stdout.removeAllListeners('data').destroy()
      if (child.pid !== undefined && !closed) kill(child.pid, detached)
    }

    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > LARGEST_OUTPUT_BYTES) fail('SECRET_INVALID', `it printed more than ${LARGEST_OUTPUT_BYTES / 1024} KiB`)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const known = error.code === 'ENOENT' ? 'there is no such program (or folder to run it in)' : (error.code ?? '')
      fail('SECRET_UNAVAILABLE', `it could not be started (${printable(known, 80)})`)
    })
    child.on('close', (code, killedBy) => {
      closed = true
      if (code === 0) {
        end()
        resolve(Buffer.concat(chunks).toString('utf8'))
        return
      }
      fail('SECRET_UNAVAILABLE', `it ended with ${killedBy ?? `status ${code}`}; run it by hand to see what it says`)
    })
    if (signal?.aborted) onAbort()
  })
}

function kill(pid: number, group: boolean): void {
  try {
    process.kill(group ? -pid : pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
