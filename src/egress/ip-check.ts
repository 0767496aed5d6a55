import { BlockList, isIP } from 'node:net'
import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf } from '../base/errors.js'
import type { Reply } from '../base/wire.js'
import type { RouteOptions } from './connection.js'
import { withEphemeralPool } from './ephemeral-pool.js'
import { exchange } from './exchange.js'
import { type ExchangeTrace, type WireLog, withWireLog } from './har.js'

/** Which addresses our calls are to leave from, and who is asked. */
export interface ExpectedAddress {
  /** Answers a GET with the caller's address, as text or as JSON with `ip`, `origin` or `address`. */
  readonly url: string
  /** Addresses and networks in CIDR form, of either family. */
  readonly ranges: readonly string[]
}

/** How long an answer holds, when the next one is asked for ahead of that, and how long a bad one keeps us from asking again. */
const VALID_MS = 3_600_000
const REFRESH_AHEAD_MS = 300_000
const RETRY_MS = 30_000
const TIMEOUT_MS = 10_000

/**
 * Makes sure that calls leave from an expected address: asks, through the same way out, at first and then every hour.
 * Where that cannot be known, or is another address, the answer is no.
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
  /** The address that was seen last. */
  address: string | undefined

  constructor(
    expected: readonly ExpectedAddress[],
    way: Omit<RouteOptions, 'origin' | 'authority'>,
    clock: Clock,
    log?: WireLog,
  ) {
    this.#log = log
    this.#expected = expected.map((one) => ({ ...one, list: blockListOf(one.ranges) }))
    this.#route = way
    this.#clock = clock
  }

  /**
   * At once while the last answer holds; the next one is asked for in time.
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
      // Another address is a fact; that nobody answered is none, and what was known holds until its time is up.
      if (problem.code === 'EGRESS_ADDRESS') this.#verifiedAt = Number.NEGATIVE_INFINITY
      throw problem
    }
  }

  async #checkOne({ url, ranges, list }: ExpectedAddress & { readonly list: BlockList }): Promise<void> {
    const asked = new URL(url)
    const { origin, pathname, search } = asked
    const headers = { accept: 'text/plain, application/json', 'accept-encoding': 'identity' }
    const { status, body } = await withEphemeralPool(asked, this.#route, (pool) => {
      const ask = (trace?: ExchangeTrace): Promise<Reply> =>
        exchange(
          pool,
          { method: 'GET', path: pathname + search, headers },
          { clock: this.#clock, timeoutMs: TIMEOUT_MS, signal: undefined, service: origin, trace },
        )
      return this.#log ? this.#withWireLog(this.#log, origin + pathname, headers, ask) : ask()
    })
    const address = status === 200 ? addressIn(body) : undefined
    if (address === undefined) throw new Error(`${origin} answered with no address (HTTP ${status})`)
    this.address = address
    if (list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')) return
    throw new DeniedError(
      'EGRESS_ADDRESS',
      `Our calls leave from ${address}, and policy.egress.expectIp has ${ranges.join(', ')}. Mend the way out, or name that address.`,
      { retryAt: this.#retryAt(), details: { address } },
    )
  }

  #withWireLog(
    log: WireLog,
    url: string,
    headers: Readonly<Record<string, string>>,
    ask: (trace: ExchangeTrace) => Promise<Reply>,
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
        comment: `which address we leave from: ${proxy === undefined ? 'direct' : `by ${proxy.origin}`}`,
        serverAddress: () => undefined,
        mask: (text) => text,
        maskReply: ({ body }) => body,
      },
      ask,
    )
  }

  #unverified(why: string): DeniedError {
    return new DeniedError(
      'EGRESS_UNVERIFIED',
      `Which address our calls leave from could not be found out: ${why}. Nothing is sent until it is known.`,
      { retryAt: this.#retryAt() },
    )
  }

  #retryAt(): Date {
    return new Date(this.#clock.now() + RETRY_MS)
  }
}

/** The longest answer that can be about one address. */
const MAX_ANSWER_LENGTH = 4_096

/** The one address in an answer: the text itself, a field of a JSON object, or a line `ip=…`. */
export function addressIn(body: string): string | undefined {
  if (body.length > MAX_ANSWER_LENGTH) return undefined
  const text = body.trim()
  const candidates = [text, /^ip=(.+)$/m.exec(text)?.[1]?.trim(), ...fieldsOf(text)]
  const found = candidates.find((candidate) => typeof candidate === 'string' && isIP(candidate) !== 0)
  if (typeof found !== 'string') return undefined
  // An IPv4 address in IPv6 clothes is that IPv4 address.
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
