import { setTimeout as sleep } from 'node:timers/promises'
import { DeniedError } from '../../base/errors.js'
import { failure, isHopeless, RedisError, whatToDo } from './errors.js'
import { KEYS, type Script, type Time } from './lua.js'
import { type Scripts, scriptsBy } from './scripts.js'
import type { RedisClient } from './server.js'

/** What a script answered: what became of it, and what it says. */
export type Reply = readonly [string, ...(readonly (string | number)[])]

/** What a link is made of. */
export interface LinkOptions {
  /** Makes the client, when it is first needed. */
  readonly connect: () => Promise<RedisClient>
  /** Whether the client is ours to close. */
  readonly own: boolean
  readonly place: string
  readonly prefix: string
  /** How long a call may take, all tries together. */
  readonly patienceMs: number
  readonly time: Time
}

/**
 * The connection under a Redis ledger. Each call has a time by which it has succeeded or failed; until then it waits for
 * the server to come back, and tries again. That is safe because every script knows a call that it carried out before.
 */
export class Link {
  readonly #options: LinkOptions
  /** What every call begins with: the keys, and which books it is about. */
  #head: (string | number)[]
  readonly #scripts: Scripts
  #client: RedisClient | undefined
  /** Why there is no connection, as far as that is known. */
  #trouble: RedisError | undefined
  /** The last call failed for want of an answer: the next ones are not to wait as long, until one succeeds. */
  #down = false
  readonly #waits = new Set<Wait>()
  #watching: NodeJS.Timeout | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#head = KEYS.map((name) => `{${options.prefix}}:${name}`)
    this.#scripts = scriptsBy(options.time)
  }

  readonly #onError = (error: unknown): void => {
    this.#trouble = failure(error, false)
  }
  readonly #onReady = (): void => {
    this.#trouble = undefined
  }

  async open(): Promise<void> {
    if (this.#client !== undefined) return
    this.#client = await this.#options.connect()
    this.#client.on('error', this.#onError)
    this.#client.on('ready', this.#onReady)
  }

  /** Says which books every later call is about: a server that has others by then, or none, is refused. */
  use(books: string): void {
    this.#head = [...this.#head.slice(0, KEYS.length), books]
  }

  /**
   * Has a script carried out.
   * @param words what it takes
   * @param waits which of them is a time that gets shorter while the call waits
   * @throws DeniedError `LEDGER_UNAVAILABLE`; its cause is a `RedisError`
   */
  call(operation: keyof Scripts, now: number, words: readonly (string | number)[], waits = -1): Promise<Reply> {
    const script = this.#scripts[operation]
    return this.patiently((client, waited) => {
      const all = this.#head.concat(String(now === 0 ? 0 : now + waited), words)
      const at = this.#head.length + 1 + waits
      if (waits >= 0 && waited > 0) all[at] = Number(all[at]) - waited
      return run(client, script, all)
    })
  }

  /**
   * Does something with the client, until it succeeds (with something), cannot succeed, or the time is up.
   * @throws DeniedError `LEDGER_UNAVAILABLE`; its cause is a `RedisError`
   */
  patiently<T>(work: Work<T>): Promise<T> {
    const patience = this.#down ? this.#options.patienceMs / 10 : this.#options.patienceMs
    const began = performance.now()
    return new Promise((resolve, reject) => {
      // Most calls are this, and nothing that is slow.
      this.#try(work, began + patience, 0, resolve, (error) => {
        this.#again(work, began, patience, failure(error, true)).then(resolve, reject)
      })
    })
  }

  async #again<T>(work: Work<T>, began: number, patience: number, first: RedisError): Promise<T> {
    let failed = first
    // That there is no connection says less than why there is none, or than what the server said before.
    let told = first
    let maybe = false
    for (let pause = 5; ; pause = Math.min(2 * pause, 200)) {
      maybe ||= failed.maybe
      if (failed.code !== 'OFFLINE') told = failed
      else if (this.#trouble !== undefined) told = this.#trouble
      const { code, message } = told
      if (isHopeless(code) || performance.now() - began + pause > patience) {
        this.#gaveUp(code)
        throw this.unavailable(new RedisError(code, message, maybe))
      }
      if (code !== 'AGAIN') await sleep(pause * (0.5 + Math.random()))
      const waited = Math.ceil(performance.now() - began)
      try {
        return await new Promise((resolve, reject) => this.#try(work, began + patience, waited, resolve, reject))
      } catch (error) {
        failed = failure(error, true)
      }
    }
  }

  /** The next calls are not to wait as long; a connection on which nothing is heard is made anew. */
  #gaveUp(code: string): void {
    if (isHopeless(code) && code !== 'TIMEOUT') return
    this.#down = true
    if (code === 'TIMEOUT' && this.#options.own) this.#client?.stream?.destroy()
  }

  /** Ends the connection, whatever state it is in; the client of somebody else is left as it was. */
  close(): void {
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    clearInterval(this.#watching)
    this.#watching = undefined
    for (const { failed } of this.#waits) failed(new RedisError('CLOSED', 'It was closed meanwhile.', true))
    this.#waits.clear()
    client.off('error', this.#onError)
    client.off('ready', this.#onReady)
    if (!this.#options.own) return
    // What a connection says while it ends interests nobody, but an error that nobody listens to is printed.
    client.on('error', () => {})
    client.disconnect()
    client.stream?.destroy()
  }

  /** The denial that a failure means. */
  unavailable(cause: RedisError): DeniedError {
    const { place, patienceMs } = this.#options
    const text = `${whatToDo(cause.code, place, patienceMs)} (${cause.message})`
    return new DeniedError('LEDGER_UNAVAILABLE', text, { cause, details: { place, error: cause.code } })
  }

  /** Does the work once; should there be no answer by `until` (on the monotonic clock), it has failed. */
  #try<T>(
    work: Work<T>,
    until: number,
    waited: number,
    done: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.#client === undefined) {
      failed(new RedisError('CLOSED', 'It is not open.'))
      return
    }
    const wait: Wait = { until, failed }
    this.#waits.add(wait)
    if (this.#waits.size === 1) this.#watch()
    work(this.#client, waited).then(
      (value) => {
        // Even if it came too late for this one.
        this.#down = false
        if (!this.#waits.delete(wait)) return
        // A piece of what time does by itself was done; there is more of it before the answer.
        if (value === undefined) failed(new RedisError('AGAIN', 'There is more to be done.'))
        else done(value)
      },
      (error) => {
        if (this.#waits.delete(wait)) failed(error)
      },
    )
  }

  /**
   * One timer for all calls: one for each would cost as much as the call. It keeps the process alive while somebody waits,
   * which the connection does not.
   */
  #watch(): void {
    if (this.#watching !== undefined) {
      this.#watching.ref()
      return
    }
    this.#watching = setInterval(
      () => {
        const now = performance.now()
        for (const wait of this.#waits) {
          if (wait.until > now) continue
          this.#waits.delete(wait)
          wait.failed(new RedisError('TIMEOUT', 'No answer in time.', true))
        }
        if (this.#waits.size === 0) this.#watching?.unref()
      },
      Math.max(10, this.#options.patienceMs / 50),
    )
  }
}

/** Something to be done with the client, when `waited` ms have passed since it was asked for. */
type Work<T> = (client: RedisClient, waited: number) => Promise<T | undefined>

/** One who waits for an answer. */
interface Wait {
  /** Until when, on the monotonic clock. */
  readonly until: number
  readonly failed: (error: RedisError) => void
}

function run(client: RedisClient, { sha, lua }: Script, words: (string | number)[]): Promise<Reply | undefined> {
  return client.evalsha(sha, KEYS.length, ...words).then(readReply, (error) => {
    // A server that was started anew has forgotten the scripts.
    if (failure(error, true).code !== 'NOSCRIPT') throw error
    return client.eval(lua, KEYS.length, ...words).then(readReply)
  })
}

function readReply(answer: unknown): Reply | undefined {
  const reply = parseReply(answer)
  if (reply[0] === 'lost') throw new RedisError('LOST', 'It has other books than those that were opened, or none.')
  return reply[0] === 'again' ? undefined : reply
}

function parseReply(answer: unknown): Reply {
  const list: readonly unknown[] = Array.isArray(answer) ? answer : []
  if (typeof list[0] === 'string' && list.every((each) => typeof each === 'string' || typeof each === 'number')) {
    return list as unknown as Reply
  }
  throw new RedisError('ERR', 'It answered what no script of ours answers.')
}
