import type { Declarer } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'

/** A process that runs renews its lease every ten seconds. */
const SILENT_MS = 15_000

/** A process that declared limits, in words. */
export interface DescribedDeclarer {
  /** `process 4711`. */
  readonly process: string
  /** `has sent no heartbeat for 20 s`; undefined for a process that has. */
  readonly silence: string | undefined
}

/** Names the process of an owner, which may have crashed. */
export function describeDeclarer({ ownerId, silentMs }: Declarer): DescribedDeclarer {
  const silence = silentMs < SILENT_MS ? undefined : `has sent no heartbeat for ${formatMs(silentMs)}`
  return { process: `process ${ownerId.split('-')[0]}`, silence }
}
