export { type MemoryAudit, memoryAudit } from './audit.js'
export { type ManualClock, manualClock } from './clock.js'
export {
  type Behaviour,
  type ServiceEndpoint,
  type ServiceOptions,
  type ServiceRequest,
  type ServiceTask,
  type SolverService,
  startSolverService,
} from './service.js'
