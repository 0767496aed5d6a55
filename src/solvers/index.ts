/** The services that solve: `solveguard/solvers`. */
export { captchaAI } from './captchaai.js'
export type { SolverOptions } from './options.js'
export type { Pricing } from './pricing.js'
export type { Failure, FailureClass, Patience, Pending, Price, Ready, Solver, Submitted } from './solver.js'
