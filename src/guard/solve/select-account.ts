import type { AbortWatch } from '../../base/abort.js'
import { isPromise, type MaybePromise } from '../../base/async.js'
import type { AnyChallenge } from '../../base/challenge.js'
import { type Code, DeniedError, messageOf, SolveguardError } from '../../base/errors.js'
import type { Transport } from '../../egress/transport.js'
import { formatUsd, type Money } from '../../policy/money.js'
import type { PageProxy } from '../../policy/page-proxy.js'
import type { SecretVersion, SecretVersions } from '../../secrets/provider.js'
import type { Price } from '../../solvers/solver.js'
import { solversFor } from '../../solvers/table.js'
import type { Account } from '../accounts/account.js'
import type { GrantContext } from '../admission/grant-context.js'
import { aborted, denied } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { GuardContext, KeyClock } from '../ports.js'

/** The account that takes a solve, with the price, key and transport of the solve. */
export interface SelectedAccount {
  /** The account's place in the guard's list. */
  readonly index: number
  readonly account: Account
  readonly price: Price
  readonly key: SecretVersion
  readonly transport: Transport
  /** How long the account may be busy before the solve moves to another one, in ms; undefined if there is no other. */
  readonly fallbackAfterMs: number | undefined
}

/** The account that would take a solve, as far as that is known without any I/O. */
export interface AccountPreview {
  readonly index: number
  readonly account: Account
  readonly price: Price
  /** The key that is cached; undefined where none was fetched yet. */
  readonly key: SecretVersion | undefined
  /** What is not known, by layer, as a sentence. */
  readonly unknown: Partial<Record<'secret' | 'network', string>>
}

/** Errors that concern one account only: another account may still take the solve. */
const CONCERNS_ONE_ACCOUNT: ReadonlySet<Code> = new Set<Code>([
  'FAMILY_UNSUPPORTED',
  'PAGE_PROXY_UNSUPPORTED',
  'CONFIG_INVALID',
  'PRICE_TOO_HIGH',
  'KEY_TOO_OLD',
  'SECRET_MISSING',
  'SECRET_UNSAFE',
  'SECRET_INVALID',
  'SECRET_DENIED',
  'SECRET_UNAVAILABLE',
  'KEY_OF_ANOTHER_ENVIRONMENT',
])

/** What the selector needs from the guard. */
export interface AccountSelectorDeps extends Pick<GuardContext, 'clock'>, KeyClock {
  readonly accounts: readonly Account[]
  readonly keyRegistry: Pick<KeyRegistry, 'admit'>
}

/** Selects the first account, from a given index on, that can take a challenge and has a key for it. */
export class AccountSelector {
  readonly #deps: AccountSelectorDeps

  constructor(deps: AccountSelectorDeps) {
    this.#deps = deps
  }

  /**
   * Synchronous if the key is cached and the transport is verified.
   * @param from the index to start at
   * @param rejectedAccounts receives the error of each rejected account
   * @returns undefined if no account is left
   * @throws SolveguardError an error that concerns all accounts
   */
  select(
    grant: GrantContext,
    challenge: AnyChallenge,
    from: number,
    rejectedAccounts: SolveguardError[],
    signal?: AbortWatch,
  ): MaybePromise<SelectedAccount | undefined> {
    const { accounts } = this.#deps
    for (let index = from; index < accounts.length; index++) {
      const account = accounts[index] as Account
      try {
        const price = this.#quote(grant, account, challenge)
        const choosing = this.#key(grant, account, signal)
        const withKey = (key: SecretVersion): MaybePromise<SelectedAccount> => {
          const transport = account.transport(grant.egressRoute())
          const fallbackAfterMs = this.#hasAnother(index, challenge) ? (grant.policy.budget.waitMs ?? 0) : undefined
          const selected = { index, account, price, key, transport, fallbackAfterMs }
          const verified = transport.verify()
          return isPromise(verified) ? verified.then(() => selected) : selected
        }
        if (!isPromise(choosing)) return withKey(choosing)
        return choosing.then(withKey).catch((error: unknown) => {
          this.#reject(error, rejectedAccounts)
          return this.select(grant, challenge, index + 1, rejectedAccounts, signal)
        })
      } catch (error) {
        this.#reject(error, rejectedAccounts)
      }
    }
    return undefined
  }

  /**
   * The account that `select` would return at a time. Fetches no key and verifies no address.
   * @param at wall-clock ms
   * @param rejectedAccounts receives the error of each rejected account
   * @throws SolveguardError an error that concerns all accounts
   */
  preview(
    grant: GrantContext,
    challenge: AnyChallenge,
    from: number,
    rejectedAccounts: SolveguardError[],
    at: number,
  ): AccountPreview | undefined {
    const { accounts, clock } = this.#deps
    for (let index = from; index < accounts.length; index++) {
      const account = accounts[index] as Account
      try {
        const price = this.#quote(grant, account, challenge)
        const versions = account.secrets.usable()
        const key = versions && account.keys.choose(versions, clock.monotonic())
        if (key) grant.gate.admitKey(key, this.#deps.keyTime() + at - clock.now())
        const transport = account.transport(grant.egressRoute())
        const address = transport.known === undefined ? true : transport.known()
        if (address instanceof DeniedError) throw address
        const unknown = {
          ...(!(key && account.secrets.isFresh(at)) && { secret: unknownKey(account, key) }),
          ...(address === undefined && { network: 'The address from which calls leave was not checked.' }),
        }
        return { index, account, price, key, unknown }
      } catch (error) {
        this.#reject(error, rejectedAccounts)
      }
    }
    return undefined
  }

  /** Whether a later account could take the challenge, as far as its solver's table says; its key is not looked up. */
  #hasAnother(index: number, challenge: AnyChallenge): boolean {
    const { accounts } = this.#deps
    return accounts.some(({ solver }, other) => other > index && solver.unsupported(challenge) === undefined)
  }

  #reject(error: unknown, rejectedAccounts: SolveguardError[]): void {
    if (!(error instanceof SolveguardError) || !CONCERNS_ONE_ACCOUNT.has(error.code)) throw error
    rejectedAccounts.push(error)
  }

  #quote(grant: GrantContext, account: Account, challenge: AnyChallenge): Price {
    const { solver } = account
    const unsupported = solver.unsupported(challenge)
    if (unsupported !== undefined) throw this.#unsupported(`do ${unsupported}`, challenge)
    const proxy = grant.pageProxy()
    const proxyUnsupported = solver.proxyUnsupported(challenge, proxy)
    if (proxyUnsupported !== undefined) throw this.#unsupported(proxyUnsupported, challenge, proxy)
    const notOffered = account.notOffered(challenge, proxy !== undefined, this.#deps.clock)
    if (notOffered !== undefined) {
      const fact = `${account.name} answered within the last day that it does not do ${notOffered} any more.`
      throw new SolveguardError('FAMILY_UNSUPPORTED', `${fact} ${this.#instead(challenge, proxy)}`)
    }
    const price = solver.price(challenge)
    checkPrice(grant.policy.budget.perSolve, price, challenge, 'policy.budget.perSolve')
    checkPrice(account.perSolve, price, challenge, `the budget of ${account.name}`)
    return price
  }

  #unsupported(what: string, challenge: AnyChallenge, proxy?: PageProxy): SolveguardError {
    const names = this.#names
    const instead = this.#instead(challenge, proxy)
    const who = names.length > 1 ? `None of the solvers ${names.join(', ')} can` : `The solver ${names[0]} cannot`
    return new SolveguardError(proxy ? 'PAGE_PROXY_UNSUPPORTED' : 'FAMILY_UNSUPPORTED', `${who} ${what}. ${instead}`)
  }

  get #names(): string[] {
    return this.#deps.accounts.map(({ solver }) => solver.name)
  }

  #instead(challenge: AnyChallenge, proxy: PageProxy | undefined): string {
    const names = this.#names
    const able = solversFor(challenge, proxy).filter((name) => !names.includes(name))
    return able.length > 0 ? `Solvers that can: ${able.join(', ')}.` : 'No other solver of this package can.'
  }

  /** The key for a solve. Synchronous if the secret is cached. */
  #key(grant: GrantContext, account: Account, signal: AbortWatch | undefined): MaybePromise<SecretVersion> {
    const { clock, keyRegistry } = this.#deps
    const { secrets, keys } = account
    const now = clock.now()
    const choose = (versions: SecretVersions): MaybePromise<SecretVersion> => {
      const key = keys.choose(versions, clock.monotonic())
      grant.gate.admitKey(key, this.#deps.keyTime())
      const admitted = keyRegistry.admit(account, key)
      return isPromise(admitted) ? admitted.then(() => key) : key
    }
    const versions = secrets.peek(now) ?? secrets.get(signal)
    if (!isPromise(versions)) return choose(versions)
    return versions
      .catch((error) => {
        if (signal?.aborted) throw aborted()
        if (error instanceof SolveguardError) throw error
        throw denied('SECRET_UNAVAILABLE', `The secrets store did not answer: ${messageOf(error)}`)
      })
      .then(choose)
  }
}

function unknownKey({ secretPlace }: Account, key: SecretVersion | undefined): string {
  if (key === undefined) return `The key from ${secretPlace} has not been fetched, so nothing is known of it.`
  return `The key from ${secretPlace} would be fetched again: this is about version ${key.version}, fetched before.`
}

function checkPrice(limit: Money | undefined, { amount }: Price, { family }: AnyChallenge, limitedBy: string): void {
  if (limit === undefined || amount <= limit) return
  throw denied(
    'PRICE_TOO_HIGH',
    `A ${family} solve may cost ${formatUsd(amount)}, more than the ${formatUsd(limit)} that ${limitedBy} allows.`,
  )
}

/**
 * Combines the errors of all rejected accounts into one. It has the code of the last error that is not
 * `FAMILY_UNSUPPORTED`, and the earliest `retryAt` of them.
 */
export function noAccountError(rejectedAccounts: readonly SolveguardError[]): SolveguardError {
  const specific = rejectedAccounts.filter(({ code }) => code !== 'FAMILY_UNSUPPORTED')
  const last = specific.at(-1) ?? rejectedAccounts.at(-1)
  if (!last) return new SolveguardError('SOLVER_ERROR', 'The guard has no account for this solve.')
  if (specific.length < 2) return last
  const times = specific.flatMap(({ retryAt }) => (retryAt ? [retryAt.getTime()] : []))
  const earlier = specific.slice(0, -1).map(({ message }) => message)
  const message = `${last.message} Tried before: ${earlier.join(' ')}`.slice(0, 1_000)
  const details = {
    cause: last,
    ...(times.length > 0 && { retryAt: new Date(Math.min(...times)) }),
    ...(last.details && { details: last.details }),
  }
  return last instanceof DeniedError
    ? new DeniedError(last.code, message, details)
    : new SolveguardError(last.code, message, details)
}
