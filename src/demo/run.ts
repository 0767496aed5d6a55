import type { Browser } from 'playwright'
import type { DemoReport } from './report.js'

/** One run of the demo. */
export interface DemoRun {
  readonly report: DemoReport
  /** The folder of its ledger, audit log and screenshot. */
  readonly folder: string
  /** Starts the browser at the first call, by when the guard has taken the key out of the environment. */
  readonly browser: () => Promise<Browser>
}
