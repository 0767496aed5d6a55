import type { Challenge } from '../../../src/base/challenge.js'
import { challenge } from '../../guard/challenge.js'

/** What a process under test does. */
export const WORKLOADS = [
  'solve',
  'limit',
  'stream',
  'batch',
  'alerts',
  'elasticsearch',
  'copy',
  'recovery',
  'close',
  'vault',
  'redis',
  /** Leaves tasks behind: the start of `recovery`. */
  'orphans',
] as const
export type Workload = (typeof WORKLOADS)[number]

/** The configuration of one run, as both the process under test and the judge get it. */
export interface RunConfiguration {
  /** Unique. */
  readonly name: string
  readonly workload: Workload
  /** The folder of its ledger and audit log. */
  readonly dir: string
  /** A Redis ledger in place of the one in `dir`. Its keys have the run's name as their prefix. */
  readonly redisUrl?: string | undefined
  readonly serviceUrl: string
  readonly key: string
  readonly hookUrl?: string | undefined
  readonly elasticsearchUrl?: string | undefined
  readonly vaultUrl?: string | undefined
  /** How far its clock is ahead of the machine's, ms. */
  readonly aheadMs: number
}

/** A line of the process under test. */
export type Line =
  | { readonly what: 'done'; readonly name: string }
  | { readonly what: 'failed'; readonly name: string; readonly code: string; readonly message: string }
  /** A failure without a code of `CODES`. */
  | { readonly what: 'no code'; readonly name: string; readonly message: string }
  | { readonly what: 'alert'; readonly code: string }
  /** Files of its folder that it has open after it has closed its guard. */
  | { readonly what: 'open files'; readonly paths: readonly string[] }
  | { readonly what: 'closed' }

export const GUARD_NAME = 'faults'
/** Dollars for one solve. */
export const PRICE = 0.001
/** Solves that the daily budget of `limit`, `alerts` and `redis` has capacity for. */
export const FEW = 4
/** How much faster than the machine's clock the clock of a run is. */
export const SPEED = 10
export const HOOK_SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

/** Dollars a day. */
export function dailyBudget(workload: Workload): number {
  return ['limit', 'alerts', 'redis'].includes(workload) ? FEW * PRICE : 1
}

/** `count` different challenges of a run. */
export function pages({ name }: Pick<RunConfiguration, 'name'>, count: number): Challenge[] {
  return Array.from({ length: count }, (_, n) => ({ ...challenge, pageUrl: `${pagesOf(name)}${n}` }))
}

/** How the addresses of a run's pages begin, by which the service's tasks are distinguished. */
export function pagesOf(name: string): string {
  return `https://staging.example.com/${name}/`
}
