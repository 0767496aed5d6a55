import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { DeniedError } from '../../src/base/errors.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { type SinkUnderTest, sinkContract } from './contract.js'
import { logFiles, recordsOf, temporaryFolder } from './folder.js'

/** Every sink there is. A new one is a line here. */
const SINKS: Readonly<Record<string, () => Promise<SinkUnderTest>>> = {
  memoryAudit: async () => {
    const sink = memoryAudit()
    return {
      sink,
      read: async () => sink.records,
      breakPlace: async () => sink.failWith(new DeniedError('AUDIT_UNAVAILABLE', 'Broken by the test.')),
      mendPlace: async () => sink.failWith(undefined),
      dispose: async () => {},
    }
  },
  jsonlAudit: () => jsonl('process'),
  'jsonlAudit that waits for the disk': () => jsonl('power'),
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
    mendPlace: async () => {
      renameSync(`${dir}-away`, dir)
    },
    dispose: async () => folder.remove(),
  }
}

for (const [name, make] of Object.entries(SINKS)) sinkContract(name, make)
