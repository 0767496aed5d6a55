import { request as httpRequest, type IncomingMessage } from 'node:http'
// biome-ignore lint/plugin: its only call sets rejectUnauthorized: true
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { waitAtMost, withTimeout } from '../base/timeout.js'
import type { CallbackRequest } from '../wires/callback.js'
import { type AddressRules, addressRules, lookupOf, type Resolve, resolveAll } from './reach.js'

/** How long one try may take, in ms, from the look-up of the name to the status of the reply. */
const TRY_MS = 5_000
/** How long after the try before it each try begins, in ms. */
const TRIES_AFTER_MS = [0, 2_000, 10_000]
/** The most tries under way to one origin, and how many more may wait: the clients of others poll. */
const MAX_CONCURRENT = 50
const MAX_WAITING = 10_000
const MAX_URL_LENGTH = 2_048
const CLOSE_MS = 5_000

/** The addresses that clients may have called. */
export interface ClientCallbackOptions {
  /** Origins: `https://app.example.com`, `https://app.example.com:8443`; `http:` on loopback only. */
  allow: readonly string[]
  /**
   * Addresses and networks of the broker's own network that names in `allow` may lead to: `10.1.2.3`, `10.1.0.0/16`. An
   * address that `allow` itself names need not be here.
   *
   * @default none
   */
  privateAddresses?: readonly string[] | undefined
}

/** What is delivered. */
export interface Delivery {
  /** Made when it is sent. */
  request(): CallbackRequest
  /** Rejects if the client may not have the answer, such as when its token was revoked. Asked before each try. */
  stillGood(): Promise<unknown>
  /** Whether the client has fetched the answer by itself meanwhile: then it is not tried again. */
  isFetched(): boolean
  /** Whether the answer has become too old: then it is not sent. */
  isForgotten(): boolean
  /** The client has it. */
  delivered(): void
}

/**
 * Calls clients back, at addresses that the operator has named. No redirect is followed, and no address of the broker's
 * own network is reached that is not named.
 */
export class Deliveries {
  readonly #clock: Clock
  readonly #origins: ReadonlySet<string>
  readonly #addresses: AddressRules
  /** By origin: one whose replies are slow must not keep the others waiting. */
  readonly #queues = new Map<string, OriginQueue>()
  readonly #open = new Set<{ destroy(): unknown }>()
  readonly #underWay = new Set<Promise<void>>()
  #closed = false

  /** @throws SolveguardError `CONFIG_INVALID` */
  constructor(options: readonly string[] | ClientCallbackOptions, clock: Clock, resolve: Resolve = resolveAll) {
    const { allow, privateAddresses = [] } = isList(options) ? { allow: options } : options
    this.#clock = clock
    this.#origins = new Set(allow.map(originOf))
    this.#addresses = addressRules(privateAddresses, 'callbacks.privateAddresses', resolve)
  }

  /** Why an address is not called; undefined if it is. */
  refusal(address: string): string | undefined {
    const url = address.length <= MAX_URL_LENGTH && URL.canParse(address) ? new URL(address) : undefined
    if (!url || url.username || url.password || url.hash) {
      return 'The address to call back is none, or has a user name, a password or a fragment.'
    }
    if (this.#origins.has(url.origin)) return undefined
    return 'This broker calls back only at origins that its operator has named: poll, or have this one added.'
  }

  /** Delivers in the background, with a few tries. @param url as `refusal` has accepted it */
  deliver(url: string, delivery: Delivery): void {
    const done: Promise<void> = this.#deliver(this.#queueOf(new URL(url).origin), delivery)
      .catch(() => {})
      .finally(() => this.#underWay.delete(done))
    this.#underWay.add(done)
  }

  /** Resolves when nothing is under way. @param withinMs or after this time */
  async idle(withinMs = CLOSE_MS): Promise<void> {
    await waitAtMost(Promise.all(this.#underWay), this.#clock, withinMs)
  }

  close(): void {
    this.#closed = true
    for (const each of this.#open) each.destroy()
    for (const queue of this.#queues.values()) queue.open()
  }

  #queueOf(origin: string): OriginQueue {
    const known = this.#queues.get(origin)
    if (known) return known
    const queue = new OriginQueue()
    this.#queues.set(origin, queue)
    return queue
  }

  async #deliver(queue: OriginQueue, delivery: Delivery): Promise<void> {
    for (const afterMs of TRIES_AFTER_MS) {
      if (this.#closed) return
      if (afterMs > 0) await new Promise<void>((resolve) => void this.#clock.after(afterMs, resolve, false))
      const outcome = await queue.run(async () => {
        const isOver = this.#closed || delivery.isForgotten() || (afterMs > 0 && delivery.isFetched())
        return isOver ? 'over' : this.#try(delivery)
      })
      if (outcome === 'taken') delivery.delivered()
      if (outcome !== 'failed') return
    }
  }

  async #try({ request, stillGood }: Delivery): Promise<'taken' | 'failed'> {
    const until = this.#clock.monotonic() + TRY_MS
    const leftMs = (): number => Math.max(0, until - this.#clock.monotonic())
    const inTime = <T>(work: Promise<T>) => withTimeout(work, { clock: this.#clock, ms: leftMs(), error: tooLate })
    try {
      await inTime(stillGood())
      const sent = request()
      const addresses = await inTime(this.#addressesOf(hostOf(sent.url)))
      if (addresses.length === 0 || this.#closed) return 'failed'
      return (await this.#send(sent, addresses, leftMs())) ? 'taken' : 'failed'
    } catch {
      return 'failed'
    }
  }

  /** @returns whether the client has taken it. Never rejects */
  async #send(
    { method, url, type, body }: CallbackRequest,
    addresses: readonly string[],
    leftMs: number,
  ): Promise<boolean> {
    const { protocol } = new URL(url)
    const bytes = Buffer.from(body)
    const options = {
      method,
      agent: false,
      headers: {
        'user-agent': 'solveguard',
        ...(type !== undefined && { 'content-type': type, 'content-length': bytes.length }),
      },
      rejectUnauthorized: true,
      // What was checked is what is connected to.
      lookup: lookupOf(addresses),
      autoSelectFamily: true,
    }
    return new Promise((resolve) => {
      const onReply = (response: IncomingMessage): void => {
        const { statusCode = 0 } = response
        end(statusCode >= 200 && statusCode < 300)
        response.destroy()
      }
      const sent = protocol === 'https:' ? httpsRequest(url, options, onReply) : httpRequest(url, options, onReply)
      this.#open.add(sent)
      const cancel = this.#clock.after(leftMs, () => sent.destroy(), false)
      const end = (taken: boolean): void => {
        cancel()
        this.#open.delete(sent)
        resolve(taken)
      }
      sent.on('error', () => end(false)).on('close', () => end(false))
      sent.end(bytes)
    })
  }

  /** An address that an origin itself has is one that the operator has named. */
  async #addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host)) return [host]
    if (host === 'localhost') return ['127.0.0.1', '::1']
    return this.#addresses.addressesOf(host)
  }
}

/** Runs so much at a time, and the rest in turn. */
class OriginQueue {
  readonly #waiting: (() => void)[] = []
  #running = 0
  #isOpen = false

  /** @returns 'over' where too many wait already */
  async run<T>(work: () => Promise<T>): Promise<T | 'over'> {
    if (this.#running >= MAX_CONCURRENT && !this.#isOpen) {
      if (this.#waiting.length >= MAX_WAITING) return 'over'
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  /** Lets all that wait run at once, as they have nothing to do any more. */
  open(): void {
    this.#isOpen = true
    for (const start of this.#waiting.splice(0)) start()
  }
}

const tooLate = (): Error => new Error('The time for this try is over.')

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '')
}

function isList(options: readonly string[] | ClientCallbackOptions): options is readonly string[] {
  return Array.isArray(options)
}

/** @throws SolveguardError `CONFIG_INVALID` */
function originOf(text: string): string {
  const { origin, prefix } = checkBaseUrl(text, 'startBroker: callbacks')
  if (prefix === '') return origin
  throw new SolveguardError('CONFIG_INVALID', `startBroker: callbacks: name the origin ${origin}, without a path.`)
}
