import { inspect } from 'node:util'
import type { Answer } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type { Solution } from '../types.js'

/** What a `BoughtSolution` is made of, besides the answer. */
export interface SolutionParts {
  readonly cost: Money
  readonly imputed: boolean
  readonly taskId: string
  readonly expiresAt: Date
  readonly report: (good: boolean) => Promise<void>
  /** Writes down what became of it in its page. */
  readonly onInjected: (error: SolveguardError | undefined) => void
}

/** A solution that shows everything but its token when it is printed or serialised. */
export class RedactedSolution implements Solution {
  readonly #answer: Answer
  readonly #report: (good: boolean) => Promise<void>
  readonly #onInjected: (error: SolveguardError | undefined) => void
  readonly cost: Money
  readonly imputed: boolean
  readonly taskId: string
  readonly expiresAt: Date

  constructor(answer: Answer, bought: SolutionParts) {
    this.#answer = answer
    this.#report = bought.report
    this.#onInjected = bought.onInjected
    this.cost = bought.cost
    this.imputed = bought.imputed
    this.taskId = bought.taskId
    this.expiresAt = bought.expiresAt
  }

  get token(): string {
    return this.#answer.token
  }

  get fields(): Readonly<Record<string, string>> | undefined {
    return this.#answer.fields
  }

  injected(error?: SolveguardError): void {
    this.#onInjected(error)
  }

  reportGood(): Promise<void> {
    return this.#report(true)
  }

  reportBad(): Promise<void> {
    return this.#report(false)
  }

  toJSON(): Record<string, unknown> {
    const { cost, imputed, taskId, expiresAt } = this
    return { token: '[solution]', cost, imputed, taskId, expiresAt }
  }

  [inspect.custom](): string {
    return `Solution ${inspect(this.toJSON())}`
  }
}
