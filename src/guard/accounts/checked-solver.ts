import { isPromise } from '../../base/async.js'
import { callUserCode } from '../../base/call-back.js'
import { messageOf, SolveguardError } from '../../base/errors.js'
import type { Polling, Price, Solver } from '../../solvers/solver.js'

/**
 * The solver that an account was given, which may be the user's own. What its functions throw gets a code. They do no
 * I/O: a promise that one of them returns is an error, and its rejection is never unhandled.
 */
export function checkedSolver(solver: Solver): Solver {
  const problem = (name: keyof Solver, what: string): SolveguardError =>
    new SolveguardError('SOLVER_ERROR', `${name} of the solver '${solver.name}' ${what}`)
  const sync =
    <A extends readonly unknown[], R>(
      name: keyof Solver,
      work: (...given: A) => R,
      isWhole: (result: R) => boolean = isAny,
    ) =>
    (...given: A): R => {
      let result: R
      try {
        result = work.apply(solver, given as never)
        if (!isPromise(result) && isWhole(result)) return result
      } catch (error) {
        if (error instanceof SolveguardError) throw error
        throw problem(name, `threw: ${messageOf(error)}`)
      }
      callUserCode(() => result)
      throw problem(name, 'returned what is no answer. The functions of a solver do no I/O, and return no promise.')
    }
  const { batchPoll, threadsInfo } = solver
  return {
    name: solver.name,
    baseUrl: solver.baseUrl,
    trustCost: solver.trustCost,
    threads: solver.threads,
    maxConcurrent: solver.maxConcurrent,
    callbackField: solver.callbackField,
    addressHelp: solver.addressHelp,
    keyFormat: solver.keyFormat,
    polling: sync('polling', solver.polling, isPolling),
    unsupported: sync('unsupported', solver.unsupported),
    proxyUnsupported: sync('proxyUnsupported', solver.proxyUnsupported),
    price: sync('price', solver.price, isPrice),
    submit: sync('submit', solver.submit, isObject),
    readSubmit: sync('readSubmit', solver.readSubmit, isResult),
    poll: sync('poll', solver.poll, isObject),
    readPoll: sync('readPoll', solver.readPoll, isResult),
    balance: sync('balance', solver.balance, isObject),
    readBalance: sync('readBalance', solver.readBalance, isResult),
    report: sync('report', solver.report),
    batchPoll: batchPoll && {
      ...batchPoll,
      poll: sync('batchPoll', batchPoll.poll, isObject),
      read: sync('batchPoll', batchPoll.read, isResult),
    },
    threadsInfo: threadsInfo && {
      ...threadsInfo,
      call: sync('threadsInfo', threadsInfo.call, isObject),
      read: sync('threadsInfo', threadsInfo.read, isResult),
    },
    // Also those that a solver need not have: one that is not named here would be lost.
  } satisfies { [K in keyof Required<Solver>]: Solver[K] }
}

function isAny(): boolean {
  return true
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isResult(result: { readonly kind: string } | undefined): boolean {
  return isObject(result) && typeof result?.kind === 'string'
}

function isPrice(price: Price | undefined): boolean {
  return Number.isSafeInteger(price?.amount) && Number(price?.amount) >= 0
}

function isPolling(polling: Polling | undefined): boolean {
  return Number.isFinite(polling?.firstPollMs) && Number.isFinite(polling?.everyMs)
}
