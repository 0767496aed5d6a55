import { pino } from 'pino'
import type { Logger } from '../../guard/observability/log.js'

/** How a log is written. */
export interface ProcessLogOptions {
  /**
   * `json`: one object a line; `text`: for people.
   * @default 'json'
   */
  readonly format?: 'json' | 'text' | undefined
  /**
   * What is left out: `info` leaves the steps of solves out, `warn` all but what may need action.
   * @default 'info'
   */
  readonly level?: 'debug' | 'info' | 'warn' | undefined
  /** Takes a line with its end. */
  readonly write: (line: string) => void
}

/** What a log has in place of a secret. */
const MASK = '***'

/** Fields whose value is a secret, in whatever object they are. */
const SECRET_FIELDS = new Set([
  'key',
  'apikey',
  'api_key',
  'clientkey',
  'token',
  'handle',
  'secret',
  'password',
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-solveguard-token',
  'x-vault-token',
])
/** Fields whose value may have the form of a key and is none. */
const PUBLIC_FIELDS = new Set(['sitekey', 'traceid', 'trace_id', 'spanid', 'span_id'])
const MAX_DEPTH = 6

/** Secrets inside of longer texts, and what replaces them. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  // A token, and what is left of one that was cut.
  [/\beyJ[\w-]{16,}(?:\.[\w-]+)*/g, MASK],
  // A handle, and the keys of all services: 32 digits of base 16.
  [/\b[\da-f]{32}\b/gi, MASK],
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${MASK}`],
  // The user and the password of an address, and its query.
  [/\b([a-z][a-z\d+.-]{1,20}:\/\/)[^\s/@?#"']{1,4096}@/gi, `$1${MASK}@`],
  [/(\b[a-z][a-z\d+.-]{1,20}:\/\/[^\s?#"']{1,2048}|\/(?:in|res)\.php)\?[^\s"']+/gi, `$1?${MASK}`],
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, MASK],
]

/**
 * The log of a process that serves: pino, with what may be a secret masked. The guard and the broker write none into
 * it; this holds for the texts of errors too, which come from elsewhere.
 */
export function processLog({ format = 'json', level = 'info', write }: ProcessLogOptions): Logger {
  const log = pino(
    {
      level,
      // The names of levels are read by people and by collectors of logs.
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => masked(fields, 0) as Record<string, unknown>,
      },
      timestamp: pino.stdTimeFunctions.isoTime,
      base: null,
    },
    { write: format === 'json' ? write : (line) => write(textLine(line)) },
  )
  return {
    debug: (fields, message) => log.debug(fields, maskedText(message)),
    info: (fields, message) => log.info(fields, maskedText(message)),
    warn: (fields, message) => log.warn(fields, maskedText(message)),
  }
}

function masked(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskedText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (depth >= MAX_DEPTH) return MASK
  if (Array.isArray(value)) return value.map((one) => masked(one, depth + 1))
  // An error's own text, whose properties are not enumerable.
  if (value instanceof Error) return maskedText(value.message)
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, maskedField(name.toLowerCase(), one, depth)]),
  )
}

function maskedField(name: string, value: unknown, depth: number): unknown {
  if (SECRET_FIELDS.has(name) && value !== undefined) return MASK
  return PUBLIC_FIELDS.has(name) && typeof value === 'string' ? value : masked(value, depth + 1)
}

/** A text without what may be a secret in it. */
function maskedText(text: string): string {
  return SECRET_TEXTS.reduce((shown, [pattern, mask]) => shown.replace(pattern, mask), text)
}

/** A line for people: the time, the level, the message, then the fields. */
function textLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const clock = String(time).slice(11, 19)
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${shortText(value)}`)
  return `${clock} ${String(level).padEnd(5)} ${shortText(msg)}${shown.length > 0 ? `  ${shown.join(' ')}` : ''}\n`
}

function shortText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no text of a page may move the cursor of a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}
