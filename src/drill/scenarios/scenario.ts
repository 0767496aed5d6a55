import { type Code, SolveguardError } from '../../base/errors.js'
import type { Setup } from '../setup.js'
import { DrillFailure, errorOf, type Stage, type StageOptions } from '../stage.js'
import type { AtMost, DrillAnswer, DrillRowId } from '../types.js'

/** How a scenario ended, where nothing failed. */
export interface Outcome {
  readonly atMost: AtMost
  readonly detail: string
  /** The line of the configuration that closes what is open; absent where the layers held. */
  readonly closes?: string | undefined
}

/** Collects what the layers say while a scenario runs. */
export class Answers {
  readonly all: DrillAnswer[] = []

  add({ layer, code, message, retryAt }: DrillAnswer): void {
    this.all.push({ ...(layer && { layer }), code, message, ...(retryAt && { retryAt }) })
  }

  /**
   * Runs what a layer has to deny.
   * @param what for the failure: `a page that is not named`
   * @throws DrillFailure
   */
  async denied(what: string, codes: readonly Code[], work: () => Promise<unknown>): Promise<SolveguardError> {
    const error = await errorOf(work)
    if (!error) throw new DrillFailure(`${what} was allowed; ${codes.join(' or ')} was expected`)
    if (!codes.includes(error.code)) {
      throw new DrillFailure(`${what}: ${codes.join(' or ')} was expected, not ${error.code} (${error.message})`)
    }
    this.add(error)
    return error
  }
}

/** One scenario of the defence matrix. */
export interface Scenario {
  readonly id: DrillRowId
  /** What happens. */
  readonly scenario: string
  /** What the matrix expects. */
  readonly expected: string
  /** What it needs in place of the usual stage. */
  readonly stage?: ((setup: Setup) => StageOptions) | undefined
  /** @throws DrillFailure where a layer did not answer as it has to */
  run(stage: Stage, answers: Answers): Promise<Outcome>
}

/** A solve that has to be allowed, for what comes after it. @throws DrillFailure */
export async function allowed(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SolveguardError)
      throw new DrillFailure(`${what} was not possible: ${error.code}: ${error.message}`)
    throw error
  }
}

/** How many solves are asked for at a time, and how often. */
const AT_A_TIME = 8
const MAX_ROUNDS = 40
/** By then a rate has capacity again, ms. */
const MINUTE_MS = 61_000

/** What an attacker got who solves as fast as possible. */
export interface Drained {
  readonly solved: number
  /** Why there is no more. */
  readonly end: SolveguardError
}

/**
 * Solves at full speed until a layer ends it for the day.
 * @param most how many solves there may be
 * @param ends the codes that end it; any other denial is waited for
 * @throws DrillFailure where nothing ends it
 */
export async function drain(
  stage: Stage,
  most: number,
  ends: readonly Code[],
  solve: () => Promise<unknown>,
): Promise<Drained> {
  let solved = 0
  for (let round = 0; round < MAX_ROUNDS && solved <= most; round++) {
    const results = await Promise.all(Array.from({ length: AT_A_TIME }, () => errorOf(solve)))
    solved += results.filter((error) => error === undefined).length
    const end = results.find((error) => error !== undefined && ends.includes(error.code))
    if (end && solved <= most) return { solved, end }
    const other = results.find((error) => error && error.code !== 'RATE_EXCEEDED' && error.code !== 'SLOTS_FULL')
    if (other && !ends.includes(other.code)) throw new DrillFailure(`${other.code}: ${other.message}`)
    if (results.some((error) => error?.code === 'RATE_EXCEEDED')) await stage.clock.advance(MINUTE_MS)
  }
  throw new DrillFailure(`${solved} solves were allowed where the budget allows ${most}, and nothing ended it`)
}

/** Checks that a scenario cost nothing. @throws DrillFailure */
export function nothingSpent(stage: Stage): void {
  if (stage.tasks === 0) return
  throw new DrillFailure(`${stage.tasks} tasks were submitted, and nothing may be spent here`)
}
