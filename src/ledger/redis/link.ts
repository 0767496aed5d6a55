import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import { DeniedError } from '../../base/errors.js'
import { isLost, isPermanent, RedisError, toRedisError, whatToDo } from './errors.js'
import { KEYS, type Script } from './lua.js'
import { type Scripts, scriptsBy } from './scripts.js'
import type { RedisClient } from './server.js'

/** What a script returned: the outcome, and its values. */
export type ScriptReply = readonly [string, ...(readonly (string | number)[])]

/** What a link is made of. */
export interface RedisLinkOptions {
  /** Makes the client, when it is first needed. */
  readonly connect: () => Promise<RedisClient>
  /** Whether the link closes the client: not one that the user passed in. */
  readonly closesClient: boolean
  readonly place: string
  readonly prefix: string
  /** How long a call may take, with all its retries, ms. */
  readonly timeoutMs: number
  /** How the scripts read the time: `SERVER_TIME`. */
  readonly time: string
  readonly clock: Clock
}

/**
 * The connection under a Redis ledger. Each call succeeds or fails within `timeoutMs`; until then it waits for the
 * server and retries. A retry is safe because every script recognises a call that it has already carried out.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions
  /** The first arguments of every call: the keys, and the ledger's identity. */
  #firstArguments: (string | number)[]
  readonly #scripts: Scripts
  #client: RedisClient | undefined
  /** Why there is no connection, as far as that is known. */
  #lastError: RedisError | undefined
  /** The last call got no reply: the next calls wait for a shorter time, until one succeeds. */
  #isDown = false
  readonly #pending = new Set<PendingCall>()
  #cancelTimer: (() => void) | undefined
  /** The beginning of the name of each try of a call. */
  readonly #id = randomBytes(6).toString('base64url')
  #tries = 0

  constructor(options: RedisLinkOptions) {
    this.#options = options
    this.#firstArguments = KEYS.map((name) => `{${options.prefix}}:${name}`)
    this.#scripts = scriptsBy(options.time)
  }

  readonly #onError = (error: unknown): void => {
    this.#lastError = toRedisError(error, false)
  }
  readonly #onReady = (): void => {
    this.#lastError = undefined
  }

  async open(): Promise<void> {
    if (this.#client !== undefined) return
    this.#client = await this.#options.connect()
    this.#client.on('error', this.#onError)
    this.#client.on('ready', this.#onReady)
  }

  /** Sets the identity of the ledger for every later call: a server that has another by then, or none, is refused. */
  selectLedger(identity: string): void {
    this.#firstArguments = [...this.#firstArguments.slice(0, KEYS.length), identity]
  }

  /**
   * Runs a script.
   * @param args its arguments
   * @param shrinking the index of an argument that is a duration, which gets shorter by the time that the call waits
   * @throws DeniedError `LEDGER_UNAVAILABLE`; its cause is a `RedisError`
   */
  call(
    operation: keyof Scripts,
    now: number,
    args: readonly (string | number)[],
    shrinking = -1,
  ): Promise<ScriptReply> {
    const script = this.#scripts[operation]
    return this.withRetries((client, waitedMs) => {
      const { stream } = client
      const all = this.#firstArguments.concat(String(now === 0 ? 0 : now + waitedMs), args)
      const at = this.#firstArguments.length + 1 + shrinking
      if (shrinking >= 0 && waitedMs > 0) all[at] = Number(all[at]) - waitedMs
      const name = `${this.#id}.${this.#tries++}`
      all.push(name)
      return run(client, script, all, (answer) => this.#read(answer, name, stream))
    })
  }

  /**
   * Does `work` with the client, until it succeeds (with a value), fails for good, or the time is over.
   * @param maxCuts how often the connection may be lost while the work is done; beyond that, it has failed for good
   * @throws DeniedError `LEDGER_UNAVAILABLE`; its cause is a `RedisError`
   */
  withRetries<T>(work: Work<T>, maxCuts = Number.POSITIVE_INFINITY): Promise<T> {
    const { timeoutMs, clock } = this.#options
    const limitMs = this.#isDown ? timeoutMs / 10 : timeoutMs
    const began = clock.monotonic()
    return new Promise((resolve, reject) => {
      // Most calls need no retry, and so nothing that is slow.
      this.#try(work, began + limitMs, 0, resolve, (error) => {
        this.#retry(work, began, limitMs, toRedisError(error, true), maxCuts).then(resolve, reject)
      })
    })
  }

  async #retry<T>(work: Work<T>, began: number, limitMs: number, first: RedisError, maxCuts: number): Promise<T> {
    const { clock } = this.#options
    let failed = first
    // "No connection" means less than why there is none, or than the server's last reply.
    let reported = first
    let mayHaveRun = false
    let cuts = 0
    let inHandshake = false
    for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, 200)) {
      mayHaveRun ||= failed.mayHaveRun
      if (failed.code !== 'OFFLINE') reported = failed
      else if (this.#lastError !== undefined) reported = this.#lastError
      const { stream } = this.#client ?? {}
      // What is known of a server that accepts the connection and does not begin TLS.
      inHandshake =
        failed.code === 'OFFLINE' && (inHandshake || (stream?.secureConnecting && !stream.connecting) === true)
      if (inHandshake && /^(OFFLINE|ETIMEDOUT)$/.test(reported.code)) {
        reported = new RedisError('HANDSHAKE', 'No TLS handshake.')
      }
      if (failed.mayHaveRun && isLost(failed.code) && ++cuts > maxCuts) reported = new RedisError('CUT', failed.message)
      const { code, message } = reported
      if (isPermanent(code) || clock.monotonic() - began + pauseMs > limitMs) {
        this.#onGivenUp(code)
        throw this.unavailable(new RedisError(code, message, mayHaveRun))
      }
      if (code !== 'AGAIN') {
        await new Promise<void>((resolve) => void clock.after(pauseMs * (0.5 + Math.random()), resolve))
      }
      const waitedMs = Math.ceil(clock.monotonic() - began)
      try {
        return await new Promise((resolve, reject) => this.#try(work, began + limitMs, waitedMs, resolve, reject))
      } catch (error) {
        failed = toRedisError(error, true)
      }
    }
  }

  /**
   * The reply to the try of that name; undefined if the script has to be run again.
   * @param stream the connection by which it came
   */
  #read(answer: unknown, name: string, stream: RedisClient['stream']): ScriptReply | undefined {
    if (!isReply(answer) || answer.pop() !== name) {
      // Every later reply in this connection belongs to another call too.
      if (this.#options.closesClient) stream?.destroy()
      throw new RedisError('MISPLACED', 'It got a reply that belongs to another call, or to none.', true)
    }
    if (answer[0] === 'lost')
      throw new RedisError('LOST', 'It has another ledger than the one that was opened, or none.')
    return answer[0] === 'again' ? undefined : answer
  }

  /** Makes the next calls wait for a shorter time, and replaces a connection that gives no replies. */
  #onGivenUp(code: string): void {
    if (isPermanent(code) && code !== 'TIMEOUT') return
    this.#isDown = true
    if (code === 'TIMEOUT' && this.#options.closesClient) this.#client?.stream?.destroy()
  }

  /** Ends the connection, whatever state it is in. A client that the user passed in stays as it was. */
  close(): void {
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (const { failed } of this.#pending) failed(new RedisError('CLOSED', 'It was closed meanwhile.', true))
    this.#pending.clear()
    client.off('error', this.#onError)
    client.off('ready', this.#onReady)
    if (!this.#options.closesClient) return
    // ioredis prints an error event that has no listener, and errors while the connection ends do not matter.
    client.on('error', () => {})
    client.disconnect()
    client.stream?.destroy()
  }

  /** The denial for a failure. */
  unavailable(cause: RedisError): DeniedError {
    const { place, timeoutMs } = this.#options
    const text = `${whatToDo(cause.code, place, timeoutMs)} (${cause.message})`
    return new DeniedError('LEDGER_UNAVAILABLE', text, { cause, details: { place, error: cause.code } })
  }

  /** Does the work once. It has failed if there is no reply by `until` (monotonic ms). */
  #try<T>(
    work: Work<T>,
    until: number,
    waitedMs: number,
    done: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.#client === undefined) {
      failed(new RedisError('CLOSED', 'It is not open.'))
      return
    }
    const call: PendingCall = { until, failed }
    this.#pending.add(call)
    if (this.#cancelTimer === undefined) this.#startTimer()
    let working: Promise<T | undefined>
    try {
      working = work(this.#client, waitedMs)
    } catch (error) {
      // A client that is none, and was given as one, may throw where a client rejects.
      this.#pending.delete(call)
      failed(error)
      return
    }
    working.then(
      (value) => {
        // The server replies again, even if too late for this call.
        this.#isDown = false
        if (!this.#pending.delete(call)) return
        // The script did a part of what time alone does, and has to do the rest before it can carry out the call.
        if (value === undefined) failed(new RedisError('AGAIN', 'There is more to be done.'))
        else done(value)
      },
      (error) => {
        if (this.#pending.delete(call)) failed(error)
      },
    )
  }

  /**
   * One timer for all calls: one for each would cost as much as the call. It keeps the process alive while a call is
   * pending, which the connection does not.
   */
  #startTimer(): void {
    const { clock, timeoutMs } = this.#options
    const check = (): void => {
      this.#cancelTimer = undefined
      const now = clock.monotonic()
      for (const call of this.#pending) {
        if (call.until > now) continue
        this.#pending.delete(call)
        call.failed(new RedisError('TIMEOUT', 'No answer in time.', true))
      }
      if (this.#pending.size > 0) this.#startTimer()
    }
    this.#cancelTimer = clock.after(Math.max(10, timeoutMs / 50), check, true)
  }
}

/** Something to do with the client, `waitedMs` after it was asked for. */
type Work<T> = (client: RedisClient, waitedMs: number) => Promise<T | undefined>

/** A call that has no reply yet. */
interface PendingCall {
  /** When it fails, monotonic ms. */
  readonly until: number
  readonly failed: (error: RedisError) => void
}

function run<T>(
  client: RedisClient,
  { sha, lua }: Script,
  args: (string | number)[],
  read: (answer: unknown) => T,
): Promise<T> {
  return client.evalsha(sha, KEYS.length, ...args).then(read, (error) => {
    // A server that was restarted has lost the scripts.
    if (toRedisError(error, true).code !== 'NOSCRIPT') throw error
    return client.eval(lua, KEYS.length, ...args).then(read)
  })
}

function isReply(answer: unknown): answer is [string, ...(string | number)[]] {
  if (!Array.isArray(answer) || typeof answer[0] !== 'string') return false
  return answer.every((item: unknown) => typeof item === 'string' || typeof item === 'number')
}
