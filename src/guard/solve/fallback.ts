import type { AnyChallenge } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Job } from './job.js'
import type { SolveReporter } from './reporter.js'
import { type AccountSelector, noAccountError } from './select-account.js'

/** What a fallback needs from the pipeline. */
export interface FallbackDeps {
  readonly selector: Pick<AccountSelector, 'select'>
  readonly reporter: Pick<SolveReporter, 'fallback'>
}

/**
 * Moves a job to another account. The current one took nothing.
 * @param reason `busy` if the account only had no capacity: the job returns to it when no other account can take it
 * @throws SolveguardError if no account can take the job: the combined error of all rejected accounts
 */
export async function fallBack(
  deps: FallbackDeps,
  job: Job,
  challenge: AnyChallenge,
  error: SolveguardError,
  reason: 'busy' | 'refused',
): Promise<void> {
  job.rejectedAccounts.push(error)
  if (reason === 'busy') job.busyIndex ??= job.index
  if (await moveToNextAccount(deps, job, challenge, error)) return
  const { busyIndex } = job
  if (busyIndex === undefined) throw noAccountError(job.rejectedAccounts)
  // No other account is left: the job returns to the busy one, and retries there until its deadline.
  job.busyIndex = undefined
  job.index = busyIndex - 1
  if (!(await moveToNextAccount(deps, job, challenge, error))) throw noAccountError(job.rejectedAccounts)
  job.fallbackAfterMs = undefined
}

/** Moves a job to the next account that can take it. @returns false if there is none; the job is then unchanged */
export async function moveToNextAccount(
  { selector, reporter }: FallbackDeps,
  job: Job,
  challenge: AnyChallenge,
  error: SolveguardError,
): Promise<boolean> {
  const from = job.account.name
  const selected = await selector.select(job.grant, challenge, job.index + 1, job.rejectedAccounts)
  if (!selected) return false
  job.index = selected.index
  job.account = selected.account
  job.transport = selected.transport
  job.price = selected.price
  job.amount = selected.price.amount
  job.key = selected.key
  job.fallbackAfterMs = selected.fallbackAfterMs
  reporter.fallback(job, from, error)
  return true
}
