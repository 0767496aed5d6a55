import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { elasticsearchAudit } from '../../src/audit/elasticsearch.js'
import { fanOutAudit } from '../../src/audit/fan-out.js'
import { functionAudit } from '../../src/audit/function.js'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditRecord } from '../../src/audit/schema.js'
import { stdoutAudit } from '../../src/audit/stdout.js'
import { DeniedError } from '../../src/base/errors.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { startElasticsearch } from '../support/elasticsearch.js'
import { type SinkUnderTest, sinkContract } from './contract.js'
import { logFiles, recordsOf, temporaryFolder } from './folder.js'

/** Every sink. A new one is a row here. */
const SINKS: Readonly<Record<string, () => Promise<SinkUnderTest>>> = {
  memoryAudit: async () => {
    const sink = memoryAudit()
    return {
      sink,
      read: async () => sink.records,
      breakPlace: async () => sink.failWith(new DeniedError('AUDIT_UNAVAILABLE', 'Broken by the test.')),
      repairPlace: async () => sink.failWith(undefined),
      dispose: async () => {},
    }
  },
  jsonlAudit: () => jsonl('process'),
  'jsonlAudit that waits for the disk': () => jsonl('power'),
  functionAudit: async () => {
    const records: AuditRecord[] = []
    let broken = false
    return {
      sink: functionAudit(async (batch) => {
        if (broken) throw new Error('broken by the test')
        records.push(...batch)
      }),
      read: async () => records,
      breakPlace: async () => {
        broken = true
      },
      repairPlace: async () => {
        broken = false
      },
      dispose: async () => {},
    }
  },
  stdoutAudit: async () => {
    const { stream, lines, state } = pipe()
    return {
      sink: stdoutAudit({ stream }),
      read: async () => lines().map(withoutPino),
      breakPlace: async () => {
        state.broken = true
      },
      repairPlace: async () => {
        state.broken = false
      },
      dispose: async () => {},
    }
  },
  elasticsearchAudit: async () => {
    const server = await startElasticsearch()
    return {
      sink: elasticsearchAudit({ url: server.url }),
      read: async () => {
        expect(server.violations).toEqual([])
        return (server.documents as AuditRecord[]).filter(isNotItsOwn(server.documents))
      },
      breakPlace: async () => server.always({ status: 403, body: '{"error":{"type":"security_exception"}}' }),
      repairPlace: async () => server.always(undefined),
      dispose: () => server.close(),
    }
  },
  'several sinks at once': async () => {
    const first = await jsonl('process')
    const second = memoryAudit()
    return {
      ...first,
      sink: fanOutAudit([first.sink, second]),
      // Only one of the two is broken: the other must not have a record twice afterwards.
      breakPlace: async () => second.failWith(new DeniedError('AUDIT_UNAVAILABLE', 'Broken by the test.')),
      repairPlace: async () => second.failWith(undefined),
      read: async () => second.records,
    }
  },
}

async function jsonl(durability: 'process' | 'power'): Promise<SinkUnderTest> {
  const folder = temporaryFolder()
  const dir = join(folder.path, 'audit')
  return {
    sink: jsonlAudit({ dir, durability }),
    read: async () =>
      logFiles(dir)
        .flatMap((file) => recordsOf(join(dir, file)))
        .filter((record) => record.event.action !== 'opened' || !record.solveguard.file),
    breakPlace: async () => {
      // As when a mount is lost: the folder is gone, and with it the file that is open.
      cpSync(dir, `${dir}-away`, { recursive: true })
      rmSync(dir, { recursive: true })
    },
    repairPlace: async () => {
      renameSync(`${dir}-away`, dir)
    },
    dispose: async () => folder.remove(),
  }
}

/** A stream that keeps what is written, and fails while it is broken, like a pipe whose reader is gone. */
function pipe() {
  let text = ''
  const state = { broken: false }
  const stream = {
    write(chunk: string, done: (error?: Error | null) => void): boolean {
      if (!state.broken) text += chunk
      setImmediate(done, state.broken ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null)
      return true
    },
    on: () => stream,
    off: () => stream,
  }
  return { stream, state, lines: () => text.split('\n').slice(0, -1) }
}

function withoutPino(line: string): AuditRecord {
  const { level, time, msg, ...record } = JSON.parse(line) as AuditRecord & Record<'level' | 'time' | 'msg', unknown>
  expect(level === 30 || level === 40).toBe(true)
  expect(new Date(time as number).toISOString()).toBe(record['@timestamp'])
  expect(msg).toMatch(/^\w+/)
  return record
}

/** Elasticsearch gets a record of each opening, too. */
function isNotItsOwn(documents: readonly unknown[]): (record: AuditRecord) => boolean {
  const [first] = documents as AuditRecord[]
  const own = (record: AuditRecord) =>
    record.event.action === 'opened' &&
    record.service.name === 'checkout-tests' &&
    record.url === undefined &&
    record.solveguard.solve_id === undefined
  return (record) => record !== first && !own(record)
}

for (const [name, make] of Object.entries(SINKS)) sinkContract(name, make)
