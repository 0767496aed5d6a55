import { SolveguardError } from '../base/errors.js'
import { notOpen, unavailable, within } from './errors.js'
import { recordJson, saneMs } from './record.js'
import type { AuditAction, AuditEvent, AuditSink } from './sink.js'

/** What is written to: a `Writable` is one. */
export interface LineStream {
  write(text: string, written: (error?: Error | null) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** Where a `stdoutAudit` writes, and how. */
export interface StdoutAuditOptions {
  /** Default: `process.stdout`. */
  stream?: LineStream | undefined
  /**
   * `pino` (default): each record begins with the `level`, `time` and `msg` that pino's own lines have, so that whatever reads those
   * (pino-pretty, a log shipper) reads these. `ecs`: the record alone.
   */
  format?: 'pino' | 'ecs' | undefined
  /** A reader that takes nothing for that long counts as gone, ms. Default: 5,000. */
  timeoutMs?: number | undefined
}

const INFO = 30
const WARN = 40
const WARNINGS: ReadonlySet<AuditAction> = new Set(['denied', 'failed', 'rejected', 'abandoned', 'paused', 'alert'])

/**
 * Writes records to standard output, a JSON object a line: for containers, whose output is gathered anyway. There is no
 * hash chain: what becomes of the lines is not ours to see. Where that matters, have `jsonlAudit` beside it.
 *
 * Standard output whose reader has gone denies, like every sink that cannot write.
 *
 * @example
 * const guard = await createGuard({ …, audit: [jsonlAudit(), copyAudit(stdoutAudit())] })
 */
export function stdoutAudit(options: StdoutAuditOptions = {}): AuditSink {
  const { stream = process.stdout, format = 'pino', timeoutMs = 5_000 } = options
  if (format !== 'pino' && format !== 'ecs') {
    throw new SolveguardError('CONFIG_INVALID', "stdoutAudit: `format` is 'pino' or 'ecs'.")
  }
  const place = stream === process.stdout ? 'standard output' : 'stream'
  const line = format === 'pino' ? pinoLine : (event: AuditEvent) => recordJson(event)
  let isOpen = false
  return {
    kind: 'stdout',
    place,
    open() {
      if (isOpen) return
      isOpen = true
      // Without a listener a reader that goes away would end the process; the write that fails says it all.
      stream.on('error', ignore)
    },
    async write(events) {
      if (!isOpen) throw notOpen(place)
      if (events.length === 0) return undefined
      const text = events.map((event) => `${line(event)}\n`).join('')
      const written = new Promise<void>((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()))
      })
      try {
        await within(written, timeoutMs)
      } catch (error) {
        throw unavailable(`on ${place}`, error, 'Have something read it')
      }
      return undefined
    },
    close() {
      isOpen = false
      stream.off('error', ignore)
    },
  }
}

function ignore(): void {}

function pinoLine(event: AuditEvent): string {
  const level = WARNINGS.has(event.action) ? WARN : INFO
  const record = recordJson(event)
  return `{"level":${level},"time":${saneMs(event.at)},"msg":${JSON.stringify(messageOf(event))},${record.slice(1)}`
}

/** What a person would want to see of a record at a glance. Only what the record itself holds. */
function messageOf({ action, family, variant, code }: AuditEvent): string {
  return [action, family, variant, code].filter((part) => part !== undefined).join(' ')
}
