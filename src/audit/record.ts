import { hostname } from 'node:os'
import type { ChainHead } from '../base/chain.js'
import { printable } from '../base/errors.js'
import type { AuditRecord } from './schema.js'
import type { AuditAction, AuditEvent } from './sink.js'

/*
 * An event as a record: with the names of the Elastic Common Schema where it has one, and `solveguard` for the rest
 * (`schema.ts` has the shape). The text is built field by field in a fixed order, because every solve waits for it:
 * building an object and serialising it takes three times as long.
 */

/** What a sink adds to a record: its number, and in a file's first record the file's name. */
export interface RecordPlace {
  readonly sequence?: number | undefined
  readonly file?: { readonly name: string; readonly continues?: ChainHead | undefined } | undefined
}

/**
 * An action in the Elastic Common Schema's own closed vocabulary
 * (https://www.elastic.co/docs/reference/ecs/ecs-category-field-values-reference).
 */
interface Meaning {
  readonly category: 'api' | 'web' | 'session' | 'configuration'
  readonly type: 'allowed' | 'denied' | 'start' | 'end' | 'info' | 'change' | 'creation' | 'deletion'
  readonly outcome?: 'success' | 'failure' | 'unknown'
  /** Whether the event's message is that of an error; else it is the reason for a decision. */
  readonly isError?: true
  /** Whether the outcome is a failure where the event has a code. */
  readonly failsByCode?: true
}

const MEANING: Readonly<Record<AuditAction, Meaning>> = {
  authorized: { category: 'api', type: 'allowed', outcome: 'success' },
  denied: { category: 'api', type: 'denied', outcome: 'failure' },
  submitted: { category: 'api', type: 'start', outcome: 'success' },
  solved: { category: 'api', type: 'end', outcome: 'success' },
  failed: { category: 'api', type: 'end', outcome: 'failure', isError: true },
  abandoned: { category: 'api', type: 'end', outcome: 'unknown', isError: true },
  recovered: { category: 'api', type: 'end', outcome: 'success', isError: true, failsByCode: true },
  injected: { category: 'web', type: 'info', outcome: 'success', isError: true, failsByCode: true },
  accepted: { category: 'web', type: 'info', outcome: 'success' },
  rejected: { category: 'web', type: 'info', outcome: 'failure' },
  paused: { category: 'configuration', type: 'change' },
  resumed: { category: 'configuration', type: 'change' },
  issued: { category: 'configuration', type: 'creation' },
  revoked: { category: 'configuration', type: 'deletion' },
  alert: { category: 'api', type: 'info' },
  opened: { category: 'session', type: 'start' },
  closed: { category: 'session', type: 'end' },
}

/**
 * The record of an event as one line of JSON. Strings are bounded and printable; fields that the event lacks are
 * absent.
 */
export function recordJson(event: AuditEvent, place: RecordPlace = {}): string {
  const { isError, outcome, failsByCode } = MEANING[event.action]
  const failed = failsByCode === true && event.code !== undefined
  // A code belongs to the error, except for a success, where it is the way to it (`TEST_KEY`, `PROOF_OF_WORK`).
  const ofSuccess = outcome === 'success' && !failed
  return (
    `{"@timestamp":${time(event.at)},"ecs":{"version":"8.17.0"},"event":{` +
    HEADS[event.action][failed ? 'failed' : 'usual'] +
    number('sequence', place.sequence) +
    (ofSuccess ? string('code', event.code) : '') +
    (isError ? '' : string('reason', event.message, 500)) +
    number('duration', event.durationMs === undefined ? undefined : Math.round(event.durationMs * 1e6)) +
    date('start', event.firstAt) +
    date('end', event.lastAt) +
    '}' +
    object(
      'error',
      (ofSuccess ? '' : string('code', event.code)) + (isError ? string('message', event.message, 500) : ''),
    ) +
    `,"service":{"name":${quoted(event.guard)},"type":"solveguard"}${SOURCE}` +
    object('user', string('name', event.subject)) +
    (event.page === undefined ? '' : object('url', page(partsOf(event.page)))) +
    `,"solveguard":{${solveguard(event, place).slice(1)}}}`
  )
}

/** The same as an object. */
export function toRecord(event: AuditEvent, place?: RecordPlace): AuditRecord {
  return JSON.parse(recordJson(event, place)) as AuditRecord
}

function solveguard(event: AuditEvent, { file }: RecordPlace): string {
  return (
    string('solve_id', event.solveId) +
    list('budgets', event.path) +
    list('subjects', event.subjects) +
    string('layer', event.layer) +
    date('retry_at', event.retryAt) +
    number('count', event.count) +
    object(
      'challenge',
      string('family', event.family) +
        string('variant', event.variant) +
        string('sitekey', event.sitekey, 256) +
        string('frame', event.frame === undefined ? undefined : addressOf(event.frame), 1500),
    ) +
    string('solver', event.solver) +
    string('task_id', event.taskId) +
    object('key', string('version', event.keyVersion) + string('fingerprint', event.keyFingerprint)) +
    string('egress', event.egress === undefined ? undefined : withoutCredentials(event.egress)) +
    number('reserved_micros', event.reserved) +
    number('cost_micros', event.cost) +
    (event.imputed === undefined ? '' : `,"imputed":${event.imputed}`) +
    (file === undefined ? '' : `,"file":${JSON.stringify(file)}`)
  )
}

const MAX_PATH_LENGTH = 16

/** The first fields of `event`, which depend only on the action and on whether it failed. */
const HEADS = Object.fromEntries(
  Object.entries(MEANING).map(([action, meaning]) => {
    const head = (outcome: Meaning['outcome']) =>
      JSON.stringify({
        kind: action === 'alert' ? 'alert' : 'event',
        category: [meaning.category],
        type: [meaning.type],
        action,
        outcome,
        dataset: 'solveguard.audit',
      }).slice(1, -1)
    return [action, { usual: head(meaning.outcome), failed: head('failure') }]
  }),
) as Readonly<Record<AuditAction, { readonly usual: string; readonly failed: string }>>

const SOURCE = `,"process":{"pid":${process.pid}},"host":{"name":${JSON.stringify(hostname())}}`

// Fields, each with the comma before it; an absent value gives an empty text.

function string(name: string, value: string | undefined, max?: number): string {
  return value === undefined ? '' : `,"${name}":${quoted(value, max)}`
}

function list(name: string, values: readonly string[] | undefined): string {
  return values === undefined ? '' : `,"${name}":[${values.slice(0, MAX_PATH_LENGTH).map((value) => quoted(value))}]`
}

function number(name: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${Number.isFinite(value) ? value : 0}`
}

function date(name: string, ms: number | undefined): string {
  return ms === undefined ? '' : `,"${name}":${time(ms)}`
}

function object(name: string, fields: string): string {
  return fields === '' ? '' : `,"${name}":{${fields.slice(1)}}`
}

/** Printable ASCII that JSON does not escape: nearly all values. */
const PLAIN = /^[ !#-[\]-~]*$/

function quoted(text: string, max = 200): string {
  return text.length <= max && PLAIN.test(text) ? `"${text}"` : JSON.stringify(printable(text, max))
}

const LATEST_MS = Date.UTC(9999, 11, 31)

/** A time that ISO 8601 can express: a clock with a wrong time must not prevent a record. */
export function saneMs(ms: number): number {
  return Number.isFinite(ms) ? Math.trunc(Math.min(Math.max(ms, 0), LATEST_MS)) : 0
}

let lastSecond = Number.NaN
let lastPrefix = ''

/** A time in ISO 8601, quoted. Caches the last second: many records are written in one. */
function time(ms: number): string {
  const sane = saneMs(ms)
  const second = Math.floor(sane / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastPrefix = `"${new Date(second * 1000).toISOString().slice(0, 20)}`
  }
  const millis = sane % 1000
  return `${lastPrefix}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z"`
}

const WEB_ADDRESS = /^(https?):\/\/(?:[^/?#\\]*@)?(\[[^\]/?#\\]*\]|[^:/?#\\]*)(?::(\d{1,5}))?([/\\][^?#]*)?/i

interface AddressParts {
  readonly scheme: string
  readonly domain?: string | undefined
  readonly port?: string | undefined
  readonly path?: string | undefined
}

/**
 * An address without password, query and fragment. Of one that is not `http(s):` only the scheme is kept: the rest may
 * be content.
 */
function partsOf(address: string): AddressParts {
  const parts = WEB_ADDRESS.exec(address)
  if (!parts) return { scheme: /^([a-z][a-z0-9+.-]{0,31}):/i.exec(address)?.[1]?.toLowerCase() ?? 'unknown' }
  const [, scheme = '', domain, port, path] = parts
  return { scheme: scheme.toLowerCase(), domain, port, path }
}

function page({ scheme, domain, port, path }: AddressParts): string {
  return (
    string('scheme', scheme) +
    string('domain', domain, 255) +
    number('port', port === undefined ? undefined : Number(port)) +
    string('path', path, 1024)
  )
}

function addressOf(address: string): string {
  const { scheme, domain, port, path = '' } = partsOf(address)
  return domain === undefined ? `${scheme}:` : `${scheme}://${domain}${port === undefined ? '' : `:${port}`}${path}`
}

function withoutCredentials(address: string): string {
  return address.replace(/\/\/[^/]*@/, '//')
}
