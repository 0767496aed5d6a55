import { readdirSync, readFileSync } from 'node:fs'
import type { SolverOptions } from '../../src/solvers/options.js'
import type { Solver } from '../../src/solvers/solver.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { ok, type Recorded } from './contract.js'

const FOLDER = new URL('../../fixtures/replies/', import.meta.url)

/** A recorded reply of a service, or another of its fixtures. */
export const recording = (service: string, name: string): string =>
  readFileSync(new URL(`${service}/${name}`, FOLDER), 'utf8')

/** One of CaptchaAI. */
export const fixture = (name: string): string => recording('captchaai', name)

/**
 * The recorded replies of a service, once for each reply to a poll that means "not ready": `pending*.json` or
 * `pending*.txt`, with `submit`, `ready` and `balance` of the same extension.
 */
function recordedReplies(service: string): Recorded[] {
  const pending = readdirSync(new URL(`${service}/`, FOLDER)).filter((name) => name.startsWith('pending'))
  return pending.sort().map((name) => {
    const extension = name.slice(name.lastIndexOf('.'))
    const body = (what: string): string => recording(service, what + extension)
    const values = (what: string): Readonly<Record<string, unknown>> =>
      extension === '.txt' ? { request: body(what).replace(/^OK\|/, '') } : JSON.parse(body(what))
    const { request, taskId = request } = values('submit')
    const { request: answer, solution } = values('ready')
    return {
      submitted: { reply: ok(body('submit')), taskId: String(taskId) },
      ready: { reply: ok(body('ready')), token: String(answer ?? Object(solution).gRecaptchaResponse) },
      pending: ok(recording(service, name)),
      balance: { reply: ok(body('balance')), micros: 12_345_678 },
      error: (code) => ok(errorBody(extension, request === undefined, code)),
    }
  })
}

function errorBody(extension: string, isTaskFamily: boolean, code: string): string {
  if (extension === '.txt') return code
  return JSON.stringify(
    isTaskFamily ? { errorId: 1, errorCode: code, errorDescription: 'In other words' } : { status: 0, request: code },
  )
}

/** The replies of each service of the table, in each form that it uses. */
export const RECORDED: Readonly<Record<string, readonly Recorded[]>> = Object.fromEntries(
  Object.keys(SOLVERS).map((name) => [name, recordedReplies(name)]),
)

/** Other APIs of services, in addition to the ones of the table, and their replies. */
export const OTHER_APIS: Readonly<Record<string, { make: (options?: SolverOptions) => Solver; recorded: Recorded }>> = {
  twocaptcha: {
    make: (options) => twoCaptcha({ ...options, api: 'v1' }),
    recorded: RECORDED.captchaai?.[0] as Recorded,
  },
}
