import { randomBytes } from 'node:crypto'
import { Pool } from 'undici'
import { printable, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { notOpen, unavailable } from './errors.js'
import { recordJson } from './record.js'
import type { AuditEvent, AuditSink } from './sink.js'

/** Which Elasticsearch, and how it is reached. */
export interface ElasticsearchAuditOptions {
  /** `https://…`, or `http://` on loopback; a path in front of the API is kept. */
  url: string
  /** The data stream, or index, that records are created in. Default: `logs-solveguard.audit-default`. */
  index?: string | undefined
  /**
   * An API key in its encoded form. The one privilege that it needs on the index is `create_doc` (and `auto_configure` where the data
   * stream is not there yet), with which nothing can be altered or deleted. A function is asked for it before each request.
   */
  apiKey?: string | (() => string | Promise<string>) | undefined
  username?: string | undefined
  password?: string | undefined
  /** Certificates (PEM) to trust in place of the machine's. */
  ca?: string | readonly string[] | undefined
  /** How long one write may take, repetitions included, ms. Default: 5,000. */
  timeoutMs?: number | undefined
}

const INDEX = /^[a-z0-9][a-z0-9._-]{0,199}$/
const MOST_DOCUMENTS = 1_000
const LARGEST_REPLY = 1024 * 1024
const FIRST_PAUSE_MS = 100
/** Only what is looked at is asked for: a whole reply says much of each document. */
const FILTER = 'filter_path=errors,items.*.status,items.*.error.type'

const LOST: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** A reply that says: not now. */
class Busy extends Error {}

/**
 * Creates records in an Elasticsearch data stream by its bulk API. A write is over when Elasticsearch has taken every record; what it
 * refuses for lack of room is asked again. Each record has an id of its own, so that a request whose reply was lost is
 * repeated without a record standing twice.
 *
 * No redirect is followed, and no proxy of the environment is used. There is no hash chain: take the right to alter from
 * the key instead, or have `jsonlAudit` beside it.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * const apiKey = process.env.ELASTIC_API_KEY
 * const guard = await createGuard({ …, audit: [jsonlAudit(), copyAudit(elasticsearchAudit({ url: 'https://es.internal:9200', apiKey }))] })
 */
export function elasticsearchAudit(options: ElasticsearchAuditOptions): AuditSink {
  const { index = 'logs-solveguard.audit-default', timeoutMs = 5_000 } = options
  const { origin, prefix } = checkBaseUrl(options.url, 'elasticsearchAudit: url')
  if (typeof index !== 'string' || !INDEX.test(index)) {
    throw new SolveguardError('CONFIG_INVALID', 'elasticsearchAudit: `index` is a name in small letters, digits, . _ -')
  }
  if ((options.username === undefined) !== (options.password === undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'elasticsearchAudit: `username` and `password` go together.')
  }
  return new ElasticsearchAudit(options, { origin, path: `${prefix}/${index}/_bulk?${FILTER}`, index, timeoutMs })
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
  readonly #run = randomBytes(9).toString('base64url')
  readonly #ids = new WeakMap<AuditEvent, string>()
  #count = 0
  #pool: Pool | undefined

  constructor(options: ElasticsearchAuditOptions, target: Target) {
    this.place = `${target.origin}/${target.index}`
    this.#options = options
    this.#target = target
  }

  /** Writes that it was opened: a place that takes no records is better known now than at the first solve. */
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

  async write(events: readonly AuditEvent[]): Promise<undefined> {
    if (!this.#pool) throw notOpen(this.place)
    const signal = AbortSignal.timeout(this.#target.timeoutMs)
    try {
      for (let from = 0; from < events.length; from += MOST_DOCUMENTS) {
        await this.#create(this.#pool, events.slice(from, from + MOST_DOCUMENTS), signal)
      }
    } catch (error) {
      const what = signal.aborted ? new Error(`not written within ${this.#target.timeoutMs / 1000} s`) : error
      throw unavailable(
        `in ${this.place}`,
        what,
        'Look at Elasticsearch, its data stream and the privileges of the key',
      )
    }
  }

  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.destroy()
  }

  /** Until all are there. */
  async #create(pool: Pool, events: readonly AuditEvent[], signal: AbortSignal): Promise<void> {
    let missing = events
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      try {
        const statuses = await this.#bulk(pool, missing, signal)
        missing = missing.filter((_, index) => !isThere(statuses[index]))
        if (missing.length === 0) return
      } catch (error) {
        // A connection that ended meanwhile: the ids make it safe to ask again.
        if (!(error instanceof Busy) && !LOST.has(String(field(error, 'code')))) throw error
      }
      await pause(pauseMs, signal)
    }
  }

  /** One request. Each document's own status, in order. */
  async #bulk(pool: Pool, events: readonly AuditEvent[], signal: AbortSignal): Promise<readonly Item[]> {
    const body = events.map((event) => `{"create":{"_id":"${this.#id(event)}"}}\n${recordJson(event)}\n`).join('')
    const { statusCode, body: stream } = await pool.request({
      method: 'POST',
      path: this.#target.path,
      headers: { 'content-type': 'application/x-ndjson', accept: 'application/json', ...(await this.#authorization()) },
      body,
      signal,
    })
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) {
      text += chunk
      if (text.length > LARGEST_REPLY) {
        stream.destroy()
        throw new Error('the reply is far too long')
      }
    }
    if (statusCode === 429 || statusCode >= 502) throw new Busy(`HTTP ${statusCode}`)
    if (statusCode !== 200) throw new Error(`HTTP ${statusCode}${reasonIn(text)}`)
    return itemsIn(text, events.length)
  }

  /** The same for the same event, however often it is tried. */
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
      if (!/^[\x21-\x7e]{1,4096}$/.test(key)) throw new Error('the API key is not one')
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

/** There, or there already from a request whose reply was lost. */
function isThere(item: Item | undefined): boolean {
  if (item === undefined) throw new Error('the reply does not tell of every record')
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
