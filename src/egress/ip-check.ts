import { BlockList, isIP } from 'node:net'
import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf } from '../base/errors.js'
import type { Reply } from '../base/wire.js'
import type { RouteOptions } from '../net/connection.js'
import { withEphemeralPool } from './ephemeral-pool.js'
import { exchange } from './exchange.js'
import { type ExchangeTrace, type WireLog, withWireLog } from './har.js'

/** The addresses that our calls must leave from, and the service that reports the address. */
export interface ExpectedAddress {
  /** Answers a GET with the caller's address, as text or as JSON with `ip`, `origin` or `address`. */
  readonly url: string
  /** Addresses and networks in CIDR form, of either family. */
  readonly ranges: readonly string[]
}

/**
 * How long a good answer is valid, how long before its end the next check begins, and the pause after a failed check.
 */
const VALID_MS = 3_600_000
const REFRESH_AHEAD_MS = 300_000
const RETRY_MS = 30_000
const TIMEOUT_MS = 10_000

/**
 * Verifies that calls leave from an expected address: calls a service through the same route, first and then every
 * hour. Denies when the address is another one or cannot be found out.
 */
export class IpCheck {
  readonly #expected: readonly (ExpectedAddress & { readonly list: BlockList })[]
  readonly #route: Omit<RouteOptions, 'origin' | 'authority'>
  readonly #clock: Clock
  readonly #log: WireLog | undefined
  #inFlight: Promise<void> | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #verifiedAt = Number.NEGATIVE_INFINITY
  #problem: DeniedError | undefined
  /** The address found by the last check. */
  address: string | undefined

  constructor(
    expected: readonly ExpectedAddress[],
    route: Omit<RouteOptions, 'origin' | 'authority'>,
    clock: Clock,
    log?: WireLog,
  ) {
    this.#log = log
    this.#expected = expected.map((one) => ({ ...one, list: blockListOf(one.ranges) }))
    this.#route = route
    this.#clock = clock
  }

  /**
   * Returns at once while the last answer is valid; the next check then runs in the background.
   * @throws DeniedError `EGRESS_ADDRESS`, `EGRESS_UNVERIFIED`
   */
  verify(): MaybePromise<void> {
    if (this.#expected.length === 0) return
    const now = this.#clock.monotonic()
    const age = now - this.#verifiedAt
    if (age < VALID_MS) {
      if (age >= VALID_MS - REFRESH_AHEAD_MS && now - this.#checkedAt >= RETRY_MS) void this.#check().catch(() => {})
      return
    }
    if (this.#problem && now - this.#checkedAt < RETRY_MS) throw this.#problem
    return this.#check()
  }

  /** What `verify` would return or throw now; undefined where it would check. Sends nothing. */
  known(): true | DeniedError | undefined {
    const now = this.#clock.monotonic()
    if (this.#expected.length === 0 || now - this.#verifiedAt < VALID_MS) return true
    return now - this.#checkedAt < RETRY_MS ? this.#problem : undefined
  }

  #check(): Promise<void> {
    this.#inFlight ??= this.#checkAll().finally(() => {
      this.#inFlight = undefined
    })
    return this.#inFlight
  }

  async #checkAll(): Promise<void> {
    this.#checkedAt = this.#clock.monotonic()
    try {
      for (const one of this.#expected) await this.#checkOne(one)
      this.#verifiedAt = this.#clock.monotonic()
      this.#problem = undefined
    } catch (error) {
      const problem = error instanceof DeniedError ? error : this.#unverified(messageOf(error))
      this.#problem = problem
      // A wrong address denies at once. Without an answer, the last good one stays valid until its time is over.
      if (problem.code === 'EGRESS_ADDRESS') this.#verifiedAt = Number.NEGATIVE_INFINITY
      throw problem
    }
  }

  async #checkOne({ url, ranges, list }: ExpectedAddress & { readonly list: BlockList }): Promise<void> {
    const target = new URL(url)
    const { origin, pathname, search } = target
    const headers = { accept: 'text/plain, application/json', 'accept-encoding': 'identity' }
    const { status, body } = await withEphemeralPool(target, this.#route, (pool) => {
      const request = (trace?: ExchangeTrace): Promise<Reply> =>
        exchange(
          pool,
          { method: 'GET', path: pathname + search, headers },
          { clock: this.#clock, timeoutMs: TIMEOUT_MS, signal: undefined, service: origin, trace },
        )
      return this.#log ? this.#withWireLog(this.#log, origin + pathname, headers, request) : request()
    })
    const address = status === 200 ? addressIn(body) : undefined
    if (address === undefined) throw new Error(`${origin} answered with no address (HTTP ${status})`)
    this.address = address
    if (list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')) return
    throw new DeniedError(
      'EGRESS_ADDRESS',
      `Our calls leave from ${address}, and policy.egress.expectIp has ${ranges.join(', ')}. ` +
        'Correct the proxy or the local address, or add that address.',
      { retryAt: this.#retryAt(), details: { address } },
    )
  }

  #withWireLog(
    log: WireLog,
    url: string,
    headers: Readonly<Record<string, string>>,
    request: (trace: ExchangeTrace) => Promise<Reply>,
  ): Promise<Reply> {
    const { proxy } = this.#route
    return withWireLog(
      log,
      this.#clock,
      {
        method: 'GET',
        url,
        headers,
        bodyBytes: 0,
        comment: `address check: ${proxy === undefined ? 'direct' : `by ${proxy.origin}`}`,
        serverAddress: () => undefined,
        mask: (text) => text,
        maskReply: ({ body }) => body,
      },
      request,
    )
  }

  #unverified(reason: string): DeniedError {
    return new DeniedError(
      'EGRESS_UNVERIFIED',
      `The address that our calls leave from could not be found out: ${reason}. Nothing is sent until it is known.`,
      { retryAt: this.#retryAt() },
    )
  }

  #retryAt(): Date {
    return new Date(this.#clock.now() + RETRY_MS)
  }
}

/** A longer answer is not one address, in characters. */
const MAX_ANSWER_LENGTH = 4_096

/** The one address in an answer: the text itself, a field of a JSON object, or a line `ip=…`. */
export function addressIn(body: string): string | undefined {
  if (body.length > MAX_ANSWER_LENGTH) return undefined
  const text = body.trim()
  const candidates = [text, /^ip=(.+)$/m.exec(text)?.[1]?.trim(), ...fieldsOf(text)]
  const found = candidates.find((candidate) => typeof candidate === 'string' && isIP(candidate) !== 0)
  if (typeof found !== 'string') return undefined
  // An IPv4-mapped IPv6 address is that IPv4 address.
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(found)?.[1]
  return mapped ?? found
}

function fieldsOf(text: string): unknown[] {
  if (!text.startsWith('{')) return []
  try {
    const { ip, origin, address } = JSON.parse(text) as Record<string, unknown>
    return [ip, origin, address]
  } catch {
    return []
  }
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
