/** The guarded core: its public names. */
export type { Logger } from './core.js'
export { createGuard, type GuardOptions } from './create.js'
export type {
  Grant,
  Guard,
  GuardEvents,
  NarrowOptions,
  Solution,
  SolveOptions,
  Status,
  StreamResult,
} from './types.js'
