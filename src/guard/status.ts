import type { DenialLog } from '../audit/denials.js'
import type { AuditSink } from '../audit/sink.js'
import type { Code } from '../base/errors.js'
import { frozenCopy } from '../base/frozen.js'
import type { WireLog } from '../egress/har.js'
import type { Usage } from '../ledger/ledger.js'
import { tightest } from '../ledger/windows.js'
import type { Account } from './accounts/account.js'
import type { Recorder } from './observability/recorder.js'
import type { Recovery } from './service/recovery.js'
import type { SolvePipeline } from './solve/pipeline.js'
import { dayStatus, inUsdToo } from './spending/budgets.js'
import type { WaitQueue } from './spending/wait-queue.js'
import type { KeyStatus, KnownKey, LedgerStatus, SolverStatus, Status } from './types.js'

/** What the status of a process needs from the guard. */
export interface ProcessStatusDeps {
  readonly waitQueue: Pick<WaitQueue, 'waiting'>
  readonly denialCounts: ReadonlyMap<Code, number>
  readonly denials: Pick<DenialLog, 'pending'>
  readonly recorder: Pick<Recorder, 'head' | 'lastError' | 'pending' | 'lost'>
  readonly sink: Pick<AuditSink, 'kind' | 'place'>
  readonly wireLog: Pick<WireLog, 'place'> | undefined
}

/** The services that solve for the grants of a guard. */
export interface Solving {
  readonly pipeline: Pick<SolvePipeline, 'solve' | 'explain' | 'denyUnnamed' | 'underWay'>
  readonly recovery: Pick<Recovery, 'recover' | 'following'>
}

/** The activity of this process and the state of its audit log: the part of a status that needs no ledger. */
export function processStatus(
  { waitQueue, denialCounts, denials, recorder, sink, wireLog }: ProcessStatusDeps,
  { pipeline, recovery }: Solving,
): Pick<Status, 'process' | 'audit' | 'trace'> {
  const { head, lastError } = recorder
  return {
    process: {
      solving: pipeline.underWay,
      waiting: waitQueue.waiting,
      recovering: recovery.following,
      denied: Object.fromEntries(denialCounts),
    },
    audit: {
      kind: sink.kind,
      place: sink.place,
      head: head && { file: head.file, seq: head.seq },
      pending: recorder.pending + denials.pending,
      lost: recorder.lost,
      lastError: lastError && { message: lastError.message, since: new Date(lastError.since) },
    },
    trace: wireLog?.place,
  }
}

/** The clocks of this process and of the ledger, if they differ. */
export function clocksStatus({ clocks }: Pick<Usage, 'clocks'>): LedgerStatus['clocks'] {
  return clocks && { here: new Date(clocks.caller), ledger: new Date(clocks.ledger) }
}

/**
 * The status of one account.
 * @param usage the usage of its own budget, if it has one
 * @param threadUsage the usage of its paid threads, if it has any
 */
export function solverStatus(
  { name, secrets, secretPlace, claim, solver: { maxConcurrent } }: Account,
  usage: Usage | undefined,
  threadUsage: Usage | undefined,
  known: readonly KnownKey[],
  rotateEveryMs: number | undefined,
  now: number,
): SolverStatus {
  const key = secrets.usable()?.current
  const date = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms))
  const due = key?.createdAt === undefined || rotateEveryMs === undefined ? undefined : key.createdAt + rotateEveryMs
  const keyStatus: KeyStatus = {
    place: secretPlace,
    version: key?.version,
    fingerprint: key?.value.fingerprint,
    createdAt: date(key?.createdAt),
    expiresAt: date(key?.expiresAt),
    dueAt: date(due),
    known,
  }
  const threads = maxConcurrent === undefined ? undefined : { has: maxConcurrent, used: threadUsage?.active ?? 0 }
  if (!usage) return { name, key: keyStatus, threads }
  const { spent, reserved, lastMinute, active, days, paused } = usage
  const { perDay, perMinute, concurrent } = tightest(claim?.at(now).limits ?? {}, usage.declared, now)
  return {
    name,
    key: keyStatus,
    paused: frozenCopy(paused),
    day: perDay === undefined && !days ? inUsdToo({ cap: undefined, spent, reserved }) : dayStatus(usage, perDay),
    minute: { cap: perMinute, used: lastMinute },
    slots: { cap: concurrent, used: active },
    threads,
  }
}
