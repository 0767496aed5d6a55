import type { Browser } from 'playwright'
import type { Report } from './report.js'

/** What both kinds of demo are given. */
export interface DemoRun {
  readonly report: Report
  /** Where this run leaves its ledger, audit log and screenshot. */
  readonly folder: string
  /** Started only when it is asked for: the key has been taken out of the environment by then. */
  readonly browser: () => Promise<Browser>
}
