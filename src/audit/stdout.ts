import { type Clock, systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { notOpen, unavailable, within } from './errors.js'
import { recordJson, saneMs } from './record.js'
import type { AuditAction, AuditEvent, AuditSink } from './sink.js'

/** The part of a `Writable` that is used here. */
export interface LineStream {
  /** Writes a line, and calls back when it is written or has failed. */
  write(text: string, written: (error?: Error | null) => void): unknown
  /** Listens to errors. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Ends that. */
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** Where a `stdoutAudit` writes, and how. */
export interface StdoutAuditOptions {
  /**
   * The stream to write to.
   * @default process.stdout
   */
  stream?: LineStream | undefined
  /**
   * `pino`: each record begins with the `level`, `time` and `msg` of pino's own lines, so that tools that read those
   * (pino-pretty, a log shipper) can read these. `ecs`: the record alone.
   * @default 'pino'
   */
  format?: 'pino' | 'ecs' | undefined
  /**
   * How long a write may take, ms: a reader that takes nothing for that long counts as gone.
   * @default 5_000
   */
  timeoutMs?: number | undefined
  /**
   * Measures `timeoutMs`.
   * @default systemClock
   */
  clock?: Clock | undefined
}

const INFO = 30
const WARN = 40
const WARNINGS: ReadonlySet<AuditAction> = new Set(['denied', 'failed', 'rejected', 'abandoned', 'paused', 'alert'])

/**
 * Writes records to standard output, one JSON object a line: for containers, whose output is collected anyway. There is
 * no hash chain, because later changes to the lines cannot be detected here. Where that matters, use `jsonlAudit` as
 * well.
 *
 * When the reader of standard output is gone, solves are denied, as with every sink that cannot write.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const audit = [jsonlAudit(), copyAudit(stdoutAudit())]
 * const guard = await createGuard({ audit, policy: { origins: ['https://staging.example.com'] } })
 */
export function stdoutAudit(options: StdoutAuditOptions = {}): AuditSink {
  const { stream = process.stdout, format = 'pino', timeoutMs = 5_000, clock = systemClock } = options
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
      // Without a listener, a reader that is gone would end the process. The failed write reports the error.
      stream.on('error', ignore)
    },
    async write(events) {
      if (!isOpen) throw notOpen(place)
      if (events.length === 0) return
      const text = events.map((event) => `${line(event)}\n`).join('')
      const written = new Promise<void>((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()))
      })
      try {
        await within(written, timeoutMs, clock)
      } catch (error) {
        throw unavailable(`on ${place}`, error, 'Have something read it')
      }
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

/** A short text for a person who reads the log. Has nothing that the record itself does not have. */
function messageOf({ action, family, variant, code }: AuditEvent): string {
  return [action, family, variant, code].filter((part) => part !== undefined).join(' ')
}
