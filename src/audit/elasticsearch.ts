import { randomBytes } from 'node:crypto'
import { Pool } from 'undici'
import { readBounded } from '../base/bounded-bytes.js'
import { type Clock, systemClock } from '../base/clock.js'
import { printable, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { notOpen, unavailable } from './errors.js'
import { recordJson } from './record.js'
import type { AuditEvent, AuditSink } from './sink.js'

/** Which Elasticsearch to write to, and how to connect to it. */
export interface ElasticsearchAuditOptions {
  /** `https://…`, or `http://` on loopback. A path is kept, and put before that of the API. */
  url: string
  /**
   * The data stream, or index, in which records are created.
   * @default 'logs-solveguard.audit-default'
   */
  index?: string | undefined
  /**
   * An API key in its encoded form. The one privilege that it needs on the index is `create_doc` (and `auto_configure`
   * where the data stream does not exist yet), with which nothing can be altered or deleted. A function is called
   * before each request. See https://www.elastic.co/docs/reference/elasticsearch/security-privileges.
   * @default none
   */
  apiKey?: string | (() => string | Promise<string>) | undefined
  /**
   * A user's name, with `password`, in place of `apiKey`.
   * @default none
   */
  username?: string | undefined
  /**
   * The password of `username`.
   * @default none
   */
  password?: string | undefined
  /**
   * Certificates (PEM) of the authorities to trust.
   * @default those that Node.js trusts
   */
  ca?: string | readonly string[] | undefined
  /**
   * How long one write may take, with its retries, ms.
   * @default 5_000
   */
  timeoutMs?: number | undefined
  /**
   * Measures `timeoutMs` and the pauses between retries.
   * @default systemClock
   */
  clock?: Clock | undefined
}

const INDEX = /^[a-z0-9][a-z0-9._-]{0,199}$/
const MAX_DOCUMENTS = 1_000
const MAX_REPLY_BYTES = 1024 * 1024
const FIRST_PAUSE_MS = 100
/** Limits the reply to the fields that are read: a whole one describes every document. */
const FILTER = 'filter_path=errors,items.*.status,items.*.error.type'

/** Codes of a connection that ended before a whole reply was received. */
const LOST: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** A reply after which the same request may succeed later. */
class Busy extends Error {}

/**
 * Creates records in an Elasticsearch data stream with the bulk API
 * (https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk). A write is done when Elasticsearch has
 * accepted every record; those that it rejects for lack of capacity are sent again. Each record has an id of its own,
 * so that a request whose reply was lost can be repeated without storing a record twice.
 *
 * Follows no redirect and uses no proxy of the environment. There is no hash chain: give the key no right to alter
 * documents, or use `jsonlAudit` as well.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const apiKey = process.env.ELASTIC_API_KEY
 * const copy = copyAudit(elasticsearchAudit({ url: 'https://es.internal:9200', apiKey }))
 * const guard = await createGuard({ audit: [jsonlAudit(), copy], policy: { origins: ['https://staging.example.com'] }
 * })
 */
export function elasticsearchAudit(options: ElasticsearchAuditOptions): AuditSink {
  const { index = 'logs-solveguard.audit-default', timeoutMs = 5_000, clock = systemClock } = options
  const { origin, prefix } = checkBaseUrl(options.url, 'elasticsearchAudit: url')
  if (typeof index !== 'string' || !INDEX.test(index)) {
    throw new SolveguardError('CONFIG_INVALID', 'elasticsearchAudit: `index` is a name in small letters, digits, . _ -')
  }
  if ((options.username === undefined) !== (options.password === undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'elasticsearchAudit: `username` and `password` go together.')
  }
  const path = `${prefix}/${index}/_bulk?${FILTER}`
  return new ElasticsearchAudit(options, { origin, path, index, timeoutMs }, clock)
}

interface Target {
  readonly origin: string
  readonly path: string
  readonly index: string
  readonly timeoutMs: number
}

class ElasticsearchAudit implements AuditSink {
  readonly kind = 'elasticsearch'
  readonly place: string
  readonly #options: ElasticsearchAuditOptions
  readonly #target: Target
  readonly #clock: Clock
  readonly #run = randomBytes(9).toString('base64url')
  readonly #ids = new WeakMap<AuditEvent, string>()
  #count = 0
  #pool: Pool | undefined

  constructor(options: ElasticsearchAuditOptions, target: Target, clock: Clock) {
    this.place = `${target.origin}/${target.index}`
    this.#options = options
    this.#target = target
    this.#clock = clock
  }

  /** Writes an `opened` record, so that a place that takes no records is reported now and not at the first solve. */
  async open(guard: string, now: number): Promise<void> {
    if (this.#pool)
      throw new SolveguardError('CONFIG_INVALID', 'This audit log is open already: make one for each guard.')
    const { ca } = this.#options
    this.#pool = new Pool(this.#target.origin, {
      connections: 4,
      allowH2: false,
      connect: {
        timeout: this.#target.timeoutMs,
        rejectUnauthorized: true,
        ...(ca === undefined ? {} : { ca: [ca].flat() }),
      },
    })
    try {
      await this.write([{ action: 'opened', at: now, guard }])
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async write(events: readonly AuditEvent[]): Promise<void> {
    if (!this.#pool) throw notOpen(this.place)
    const { signal, cancel } = abortAfter(this.#target.timeoutMs, this.#clock)
    try {
      for (let from = 0; from < events.length; from += MAX_DOCUMENTS) {
        await this.#create(this.#pool, events.slice(from, from + MAX_DOCUMENTS), signal)
      }
    } catch (error) {
      const what = signal.aborted ? new Error(`not written within ${this.#target.timeoutMs / 1000} s`) : error
      throw unavailable(
        `in ${this.place}`,
        what,
        'Look at Elasticsearch, its data stream and the privileges of the key',
      )
    } finally {
      cancel()
    }
  }

  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.destroy()
  }

  /** Retries until all records are stored. */
  async #create(pool: Pool, events: readonly AuditEvent[], signal: AbortSignal): Promise<void> {
    let missing = events
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      try {
        const statuses = await this.#bulk(pool, missing, signal)
        missing = missing.filter((_, index) => !isStored(statuses[index]))
        if (missing.length === 0) return
      } catch (error) {
        // The connection ended: the ids make it safe to send the records again.
        if (!(error instanceof Busy) && !LOST.has(String(field(error, 'code')))) throw error
      }
      await pause(pauseMs, signal, this.#clock)
    }
  }

  /** Sends one request. Returns each document's own status, in order. */
  async #bulk(pool: Pool, events: readonly AuditEvent[], signal: AbortSignal): Promise<readonly Item[]> {
    const body = events.map((event) => `{"create":{"_id":"${this.#id(event)}"}}\n${recordJson(event)}\n`).join('')
    const { statusCode, body: stream } = await pool.request({
      method: 'POST',
      path: this.#target.path,
      headers: { 'content-type': 'application/x-ndjson', accept: 'application/json', ...(await this.#authorization()) },
      body,
      signal,
    })
    const text = await readBounded(stream, MAX_REPLY_BYTES)
    if (text === undefined) throw new Error('the reply is far too long')
    if (statusCode === 429 || statusCode >= 502) throw new Busy(`HTTP ${statusCode}`)
    if (statusCode !== 200) throw new Error(`HTTP ${statusCode}${reasonIn(text)}`)
    return itemsIn(text, events.length)
  }

  /** The id of an event: the same one at every try. */
  #id(event: AuditEvent): string {
    const known = this.#ids.get(event)
    if (known !== undefined) return known
    const id = `${this.#run}-${++this.#count}`
    this.#ids.set(event, id)
    return id
  }

  async #authorization(): Promise<Record<string, string>> {
    const { apiKey, username, password } = this.#options
    if (apiKey !== undefined) {
      const key = typeof apiKey === 'function' ? await apiKey() : apiKey
      if (!/^[\x21-\x7e]{1,4096}$/.test(key)) throw new Error('the API key has a wrong form')
      return { authorization: `ApiKey ${key}` }
    }
    if (username === undefined) return {}
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  }
}

interface Item {
  readonly status: number
  readonly type: string
}

/** Whether the record is stored: by this request, or by an earlier one whose reply was lost. */
function isStored(item: Item | undefined): boolean {
  if (item === undefined) throw new Error('the reply leaves out a record')
  const { status, type } = item
  if (status === 201 || status === 200 || status === 409) return true
  if (status === 429 || status === 503) return false
  throw new Error(`a record was refused, ${status}${type === '' ? '' : ` ${type}`}`)
}

function itemsIn(text: string, expected: number): Item[] {
  const items: unknown = field(parsed(text), 'items')
  if (!Array.isArray(items) || items.length !== expected) throw new Error('the reply is not that of the bulk API')
  return items.map((item) => {
    const created = field(item, 'create')
    return { status: Number(field(created, 'status')), type: word(field(field(created, 'error'), 'type')) }
  })
}

function reasonIn(text: string): string {
  const type = word(field(field(parsed(text), 'error'), 'type'))
  return type === '' ? '' : `, ${type}`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function word(value: unknown): string {
  return typeof value === 'string' ? printable(value, 60) : ''
}

/** A signal that aborts after `ms`. The timer keeps no process alive. */
function abortAfter(ms: number, clock: Clock): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, cancel: clock.after(ms, () => controller.abort(), false) }
}

function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort)
  })
}
