import { hostname } from 'node:os'
import type { ChainHead } from '../base/chain.js'
import { printable } from '../base/errors.js'
import type { AuditRecord } from './schema.js'
import type { AuditAction, AuditEvent } from './sink.js'

/** What a sink adds to a record: its number, and in the first record of a file the file's name. */
export interface RecordPlace {
  readonly sequence?: number | undefined
  readonly file?: { readonly name: string; readonly continues?: ChainHead | undefined } | undefined
}

/** What the Elastic Common Schema says of an action, in its own closed vocabulary. */
interface Meaning {
  readonly category: 'api' | 'web' | 'session' | 'configuration'
  readonly type: 'allowed' | 'denied' | 'start' | 'end' | 'info' | 'change'
  readonly outcome?: 'success' | 'failure' | 'unknown'
  /** Where the event's message goes: the reason for a decision, or what went wrong. */
  readonly message: 'reason' | 'error'
}

const MEANING: Readonly<Record<AuditAction, Meaning>> = {
  authorised: { category: 'api', type: 'allowed', outcome: 'success', message: 'reason' },
  denied: { category: 'api', type: 'denied', outcome: 'failure', message: 'reason' },
  submitted: { category: 'api', type: 'start', outcome: 'success', message: 'error' },
  solved: { category: 'api', type: 'end', outcome: 'success', message: 'error' },
  failed: { category: 'api', type: 'end', outcome: 'failure', message: 'error' },
  abandoned: { category: 'api', type: 'end', outcome: 'unknown', message: 'error' },
  recovered: { category: 'api', type: 'end', outcome: 'success', message: 'error' },
  injected: { category: 'web', type: 'info', outcome: 'success', message: 'error' },
  accepted: { category: 'web', type: 'info', outcome: 'success', message: 'reason' },
  rejected: { category: 'web', type: 'info', outcome: 'failure', message: 'reason' },
  paused: { category: 'configuration', type: 'change', message: 'reason' },
  resumed: { category: 'configuration', type: 'change', message: 'reason' },
  alert: { category: 'api', type: 'info', message: 'reason' },
  opened: { category: 'session', type: 'start', message: 'reason' },
  closed: { category: 'session', type: 'end', message: 'reason' },
}

const ECS = { version: '8.17.0' }
const PROCESS = { pid: process.pid }
const HOST = { name: hostname() }
const LONGEST_PATH = 16
const LATEST_MS = Date.UTC(9999, 11, 31)

/**
 * The record of an event: pure but for this process's number and host name, written by hand because it is on the way of
 * every solve. Fields always come in the same order; strings are clipped and printable; what an event does not
 * have is left out when the record is serialised.
 */
export function toRecord(event: AuditEvent, place: RecordPlace = {}): AuditRecord {
  const meaning = MEANING[event.action]
  const { code, family, variant, sitekey, frame, keyVersion, keyFingerprint, durationMs, path } = event
  const failed = meaning.message === 'error'
  const message = event.message === undefined ? undefined : printable(event.message, 500)
  return {
    '@timestamp': iso(event.at),
    ecs: ECS,
    event: {
      kind: event.action === 'alert' ? 'alert' : 'event',
      category: [meaning.category],
      type: [meaning.type],
      action: event.action,
      // Whatever carries an error's message and a code has failed, also where the action alone does not say so.
      outcome: failed && code !== undefined && meaning.outcome === 'success' ? 'failure' : meaning.outcome,
      dataset: 'solveguard.audit',
      sequence: place.sequence,
      reason: failed ? undefined : message,
      duration: durationMs === undefined ? undefined : Math.round(durationMs * 1e6),
      start: event.firstAt === undefined ? undefined : iso(event.firstAt),
      end: event.lastAt === undefined ? undefined : iso(event.lastAt),
    },
    error:
      code === undefined && (!failed || message === undefined)
        ? undefined
        : { code: clip(code), message: failed ? message : undefined },
    service: { name: printable(event.guard), type: 'solveguard' },
    process: PROCESS,
    host: HOST,
    user: event.subject === undefined ? undefined : { name: printable(event.subject) },
    url: event.page === undefined ? undefined : urlOf(event.page),
    solveguard: {
      solve_id: clip(event.solveId),
      budgets: path?.slice(0, LONGEST_PATH).map((id) => printable(id)),
      layer: event.layer,
      retry_at: event.retryAt === undefined ? undefined : iso(event.retryAt),
      count: event.count,
      challenge:
        family === undefined && variant === undefined && sitekey === undefined && frame === undefined
          ? undefined
          : {
              family: clip(family),
              variant: clip(variant),
              sitekey: sitekey === undefined ? undefined : printable(sitekey, 256),
              frame: frame === undefined ? undefined : addressOf(frame),
            },
      solver: clip(event.solver),
      task_id: clip(event.taskId),
      key:
        keyVersion === undefined && keyFingerprint === undefined
          ? undefined
          : { version: clip(keyVersion), fingerprint: clip(keyFingerprint) },
      egress: event.egress === undefined ? undefined : printable(withoutCredentials(event.egress)),
      reserved_micros: event.reserved,
      cost_micros: event.cost,
      imputed: event.imputed,
      file: place.file,
    },
  }
}

function clip(text: string | undefined): string | undefined {
  return text === undefined ? undefined : printable(text)
}

/** A time that can be written down: a clock that has gone mad must not keep a record from being written. */
export function saneMs(ms: number): number {
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LATEST_MS) : 0
}

function iso(ms: number): string {
  return new Date(saneMs(ms)).toISOString()
}

const WEB_ADDRESS = /^(https?):\/\/(?:[^/?#\\]*@)?(\[[^\]/?#\\]*\]|[^:/?#\\]*)(?::(\d{1,5}))?([/\\][^?#]*)?/i

/** A page's address in the schema's parts. Of an address that is not the web's only the scheme is kept: the rest may be content. */
function urlOf(address: string): NonNullable<AuditRecord['url']> {
  const parts = WEB_ADDRESS.exec(address)
  if (!parts) return { scheme: schemeOf(address) }
  const [, scheme = '', domain = '', port, path] = parts
  return {
    scheme: scheme.toLowerCase(),
    domain: printable(domain, 255),
    port: port === undefined ? undefined : Number(port),
    path: path === undefined ? undefined : printable(path, 1024),
  }
}

/** An address without password, query and fragment. */
function addressOf(address: string): string {
  const { scheme, domain, port, path = '' } = urlOf(address)
  return domain === undefined ? `${scheme}:` : `${scheme}://${domain}${port === undefined ? '' : `:${port}`}${path}`
}

function schemeOf(address: string): string {
  return /^([a-z][a-z0-9+.-]{0,31}):/i.exec(address)?.[1]?.toLowerCase() ?? 'unknown'
}

function withoutCredentials(address: string): string {
  return address.replace(/\/\/[^/]*@/, '//')
}
