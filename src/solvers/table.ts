import type { AnyChallenge } from '../base/challenge.js'
import type { PageProxy } from '../policy/page-proxy.js'
import { antiCaptcha } from './anti-captcha.js'
import { capMonster } from './cap-monster.js'
import { capSolver } from './cap-solver.js'
import { captchaAI } from './captchaai.js'
import type { SolverOptions } from './options.js'
import type { Solver } from './solver.js'
import { twoCaptcha } from './two-captcha.js'

/** A new solver is a new file, a line here, its name below, a line in `index.ts`, and a row in `list-prices.ts`. */
const BY_NAME: Readonly<Record<SolverName, (options?: SolverOptions) => Solver>> = {
  captchaai: captchaAI,
  twocaptcha: twoCaptcha,
  anticaptcha: antiCaptcha,
  capmonster: capMonster,
  capsolver: capSolver,
}

/** The name of a solver. */
export type SolverName = 'captchaai' | 'twocaptcha' | 'anticaptcha' | 'capmonster' | 'capsolver'

/** Every solver, by name. */
export const SOLVERS: Readonly<Record<string, (options?: SolverOptions) => Solver>> = BY_NAME

/** The names of all solvers. */
export const SOLVER_NAMES = Object.keys(BY_NAME) as [SolverName, ...SolverName[]]

/** The names of the solvers that can solve a challenge, through the proxy if there is one. */
export function solversFor(challenge: AnyChallenge, proxy?: PageProxy): string[] {
  return Object.entries(SOLVERS).flatMap(([name, make]) => {
    const solver = make()
    const cannot = solver.unsupported(challenge) ?? solver.proxyUnsupported(challenge, proxy)
    return cannot === undefined ? [name] : []
  })
}
