import { inspect } from 'node:util'
import type { Answer } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type { NotifyFailure } from '../../widgets/notify-failure.js'
import type { Solution } from '../types.js'

/** The parts of a `RedactedSolution`, except for its answer. */
export interface SolutionParts {
  readonly cost: Money
  readonly imputed: boolean
  readonly taskId: string
  readonly expiresAt: Date
  readonly report: (good: boolean) => Promise<void>
  /**
   * Records whether the token was injected into its page; called with the error if not, or with the reason for which
   * the page's own code was not notified.
   */
  readonly onInjected: (error: SolveguardError | undefined, notifyFailure: NotifyFailure | undefined) => void
}

/** A solution that does not show its token when it is printed or serialized. */
export class RedactedSolution implements Solution {
  readonly #answer: Answer
  readonly #report: (good: boolean) => Promise<void>
  readonly #onInjected: SolutionParts['onInjected']
  readonly cost: Money
  readonly imputed: boolean
  readonly taskId: string
  readonly expiresAt: Date
  /** The first report. A second one, of either kind, would contradict it or be sent twice. */
  #reported: Promise<void> | undefined

  constructor(answer: Answer, parts: SolutionParts) {
    this.#answer = answer
    this.#report = parts.report
    this.#onInjected = parts.onInjected
    this.cost = parts.cost
    this.imputed = parts.imputed
    this.taskId = parts.taskId
    this.expiresAt = parts.expiresAt
  }

  get token(): string {
    return this.#answer.token
  }

  get fields(): Readonly<Record<string, string>> | undefined {
    return this.#answer.fields
  }

  injected(error?: SolveguardError, notifyFailure?: NotifyFailure): void {
    this.#onInjected(error, notifyFailure)
  }

  reportGood(): Promise<void> {
    this.#reported ??= this.#report(true)
    return this.#reported
  }

  reportBad(): Promise<void> {
    this.#reported ??= this.#report(false)
    return this.#reported
  }

  toJSON(): Record<string, unknown> {
    const { cost, imputed, taskId, expiresAt } = this
    return { token: '[solution]', cost, imputed, taskId, expiresAt }
  }

  [inspect.custom](): string {
    return `Solution ${inspect(this.toJSON())}`
  }
}
