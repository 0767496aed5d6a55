/** The solving services: `solveguard/solvers`. */
export type { Call, Reply } from '../base/wire.js'
export type { PageProxy } from '../policy/page-proxy.js'
export { antiCaptcha } from './anti-captcha.js'
export { capMonster } from './cap-monster.js'
export { type CapSolverOptions, capSolver } from './cap-solver.js'
export { captchaAI } from './captchaai.js'
export type { SolverOptions } from './options.js'
export type { PriceKey, Pricing } from './pricing-options.js'
export type {
  BatchPoll,
  BatchPollResult,
  Failure,
  FailureClass,
  KeyFormat,
  Pending,
  Polling,
  Price,
  Ready,
  Solver,
  Submitted,
  Threads,
  ThreadsInfo,
  UsualTimes,
} from './solver.js'
export type { SolverName } from './table.js'
export type { TaskOptions } from './task-solver.js'
export { type TwoCaptchaOptions, twoCaptcha } from './two-captcha.js'
