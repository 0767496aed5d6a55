import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../../base/clock.js'
import { type CallbackRequest, callbackRequest } from '../../wires/callback.js'
import type { CallbackFormat } from '../../wires/services.js'
import type { EncodedReply, WireReply } from '../../wires/wire.js'

/**
 * How the service calls back for the task of a submit: one of these, or several. By default it calls the address once,
 * as soon as the task is done, in the form of the service that it imitates.
 */
export interface CallbackBehavior {
  /** Does not call. */
  readonly never?: true
  /** Calls this many ms after the task is done. */
  readonly lateMs?: number
  /** Calls before the submit is answered, whether the task is done or not. */
  readonly early?: true
  /** Calls this many times. */
  readonly times?: number
  /** Names this task in place of its own. */
  readonly id?: string
  /** Sends this body. */
  readonly body?: string
  /** Sends a body of this many bytes. */
  readonly bytes?: number
  /** Sends its body a byte at a time, each after this many ms. */
  readonly slowMs?: number
  /** Uses this HTTP method. */
  readonly method?: string
  /** Drops the connection after this many ms; CapMonster Cloud after two seconds. */
  readonly dropAfterMs?: number
}

/** One call that the service made. */
export interface ServiceCallback {
  /** Wall time, ms since 1970. */
  readonly at: number
  /** The service's id of the task. */
  readonly taskId: string
  /** The address, with the query if there is one. */
  readonly url: string
  /** `GET` or `POST`, as the service calls. */
  readonly method: string
  /** The HTTP status of the reply; undefined if there was none. */
  readonly status: number | undefined
}

/** A task for which the service has to call back. */
export interface CallbackTask {
  readonly id: string
  readonly url: string
  /** Wall time, ms since 1970. */
  readonly readyAt: number
}

/** What the calls need from the service. */
interface CallerDeps {
  readonly clock: Clock
  readonly format: CallbackFormat
  readonly dropAfterMs: number
  /** The answer, or the error code, of a task; and the same as the reply to a poll. */
  readonly resultOf: (taskId: string) => { readonly reply: WireReply; readonly polled: EncodedReply | undefined }
}

const MAX_CALLS = 10_000

/** Calls clients back, as well or as badly as a test wants. */
export class ServiceCaller {
  readonly calls: ServiceCallback[] = []
  readonly #deps: CallerDeps
  readonly #timers = new Set<() => void>()
  #closed = false

  constructor(deps: CallerDeps) {
    this.#deps = deps
  }

  /** @returns settles when the submit may be answered */
  async schedule(task: CallbackTask, behavior: CallbackBehavior = {}): Promise<void> {
    if (behavior.never || !URL.canParse(task.url)) return
    if (behavior.early) return this.#callAll(task, behavior)
    const { clock } = this.#deps
    const cancel = clock.after(
      Math.max(task.readyAt - clock.now(), 0) + (behavior.lateMs ?? 0),
      () => {
        this.#timers.delete(cancel)
        void this.#callAll(task, behavior)
      },
      false,
    )
    this.#timers.add(cancel)
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#timers) cancel()
  }

  async #callAll(task: CallbackTask, behavior: CallbackBehavior): Promise<void> {
    for (let i = 0; i < (behavior.times ?? 1) && !this.#closed; i++) await this.#call(task, behavior)
  }

  async #call({ id, url }: CallbackTask, behavior: CallbackBehavior): Promise<void> {
    const { clock, format, resultOf } = this.#deps
    const { reply, polled } = resultOf(id)
    const usual = callbackRequest(url, format, behavior.id ?? id, reply, polled)
    const method = behavior.method ?? usual.method
    const body = behavior.bytes === undefined ? (behavior.body ?? usual.body) : 'x'.repeat(behavior.bytes)
    const at = clock.now()
    const status = await this.#send({ ...usual, method: method as CallbackRequest['method'], body }, behavior)
    this.calls.push({ at, taskId: id, url: usual.url, method, status })
    if (this.calls.length > MAX_CALLS) this.calls.shift()
  }

  /** @returns the status; undefined if there is no reply */
  #send({ method, url, type, body }: CallbackRequest, behavior: CallbackBehavior): Promise<number | undefined> {
    const { clock } = this.#deps
    const bytes = Buffer.from(body)
    const headers = { ...(type !== undefined && { 'content-type': type }), 'content-length': bytes.length }
    const options: RequestOptions = { method, headers, agent: false }
    return new Promise((resolve) => {
      const sent = url.startsWith('https:')
        ? httpsRequest(url, { ...options, rejectUnauthorized: true })
        : httpRequest(url, options)
      const cancelDrop = clock.after(behavior.dropAfterMs ?? this.#deps.dropAfterMs, () => sent.destroy(), false)
      const end = (status: number | undefined): void => {
        cancelDrop()
        resolve(status)
      }
      sent.on('response', (response) => {
        end(response.statusCode)
        response.resume()
      })
      sent.on('error', () => end(undefined)).on('close', () => end(undefined))
      if (behavior.slowMs === undefined) sent.end(bytes)
      else this.#sendSlowly(sent, bytes, behavior.slowMs)
    })
  }

  #sendSlowly(sent: ReturnType<typeof httpRequest>, bytes: Buffer, everyMs: number): void {
    let at = 0
    const next = (): void => {
      if (sent.destroyed) return
      if (at >= bytes.length) return void sent.end()
      sent.write(bytes.subarray(at, ++at))
      this.#deps.clock.after(everyMs, next, false)
    }
    next()
  }
}
