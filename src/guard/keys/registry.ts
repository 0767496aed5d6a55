import { isPromise, type MaybePromise } from '../../base/async.js'
import type { Fact } from '../../ledger/ledger.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Account } from '../accounts/account.js'
import { denied, ledgerDown } from '../errors.js'
import type { BackgroundTasks } from '../ports.js'
import type { KnownKey } from '../types.js'
import { type Presence, reportKeys } from './report.js'
import { checkKeyHasOneLedger, type WhichLedgerDeps } from './which-ledger.js'

/** All guards of a ledger share the facts about keys, because two guards may use the same key. */
const SCOPE = 'keys'
const DAY_MS = 86_400_000
/** How long a key is kept after its last use, and its environment after the last check. */
const USED_TTL_MS = 90 * DAY_MS
const OWNER_TTL_MS = 400 * DAY_MS
/** The TTL of a process's presence: a few times the heartbeat interval. */
const PRESENCE_TTL_MS = 30_000
/** At every so many heartbeats the registry checks whether a key is no longer used by any process. */
const REVOCABLE_EVERY = 30

interface UsedKey {
  readonly account: string
  readonly version: string
  /** Whether the key was used since its last use was written to the ledger. */
  fresh: boolean
}

/** A task under way: its account and its key. */
interface KeyUser {
  readonly account: Account
  readonly key: SecretVersion
}

/** What the registry needs from the guard. */
export interface KeyRegistryDeps extends WhichLedgerDeps, BackgroundTasks {
  readonly accounts: readonly Account[]
}

/**
 * What all processes of a ledger know about the keys, by fingerprint: the environment of each key, when it was last
 * used, and which processes hold it. Kept as facts of the ledger. They are written when a key is first used and then at
 * heartbeats, never for a single solve.
 */
export class KeyRegistry {
  readonly #deps: KeyRegistryDeps
  readonly #underWay = new Set<KeyUser>()
  /** Fingerprints of keys that this guard may use. */
  readonly #admitted = new Set<string>()
  readonly #used = new Map<string, UsedKey>()
  /** Fingerprints of keys that were found to be revocable. */
  readonly #reported = new Set<string>()
  /** By account: the fingerprint of the key that was last compared with the format of the service's keys. */
  readonly #compared = new WeakMap<Account, string>()
  #isPublished = false
  #publishing: Promise<void> | undefined
  #heartbeats = 0

  constructor(deps: KeyRegistryDeps) {
    this.#deps = deps
  }

  /**
   * Checks that this account may use a key. Asks the ledger when the key is new to this process, later never.
   * @throws DeniedError `KEY_OF_ANOTHER_ENVIRONMENT`
   */
  admit({ environment, sharedWith }: Account, { value, version }: SecretVersion): MaybePromise<void> {
    if (environment === undefined || this.#admitted.has(value.fingerprint)) return
    const decide = (owner: string): void => {
      if (owner !== environment && !sharedWith.includes(owner)) {
        throw denied(
          'KEY_OF_ANOTHER_ENVIRONMENT',
          `The key (version ${version}) for the environment ${environment} belongs to the environment ${owner}: ` +
            `use a key of its own for each, or set sharedWith: ['${owner}'].`,
        )
      }
      this.#admitted.add(value.fingerprint)
    }
    const fact = {
      scope: SCOPE,
      name: `of/${value.fingerprint}`,
      value: environment,
      ttlMs: OWNER_TTL_MS,
      ifAbsent: true,
    }
    const failed = (error: unknown): never => {
      throw ledgerDown(error)
    }
    try {
      const owner = this.#deps.ledger.setFact(fact, this.#deps.clock.now())
      if (isPromise(owner)) return owner.then(decide, failed)
      decide(owner)
    } catch (error) {
      failed(error)
    }
  }

  /** Notes that a key is sent to the service. */
  markUsed(account: Account, key: SecretVersion): void {
    const { value, version } = key
    if (this.#compared.get(account) !== value.fingerprint) this.#compareFormat(account, key)
    const known = this.#used.get(value.fingerprint)
    if (known) {
      known.fresh = true
      return
    }
    this.#used.set(value.fingerprint, { account: account.name, version, fresh: true })
    this.#publishSoon()
    if (!account.sharedKey) checkKeyHasOneLedger(this.#deps, value.fingerprint)
  }

  /** Raises an alert, once for each key, if it does not look like the service's keys. */
  #compareFormat(account: Account, { value, version }: SecretVersion): void {
    this.#compared.set(account, value.fingerprint)
    const { name, solver } = account
    const { keyFormat } = solver
    if (keyFormat === undefined || value.matches(keyFormat.pattern)) return
    this.#deps.background(async () => {
      if (!(await this.isFirstToReport('unusual', value.fingerprint))) return
      const message =
        `The key for ${name} (version ${version}) does not look like a key of ${solver.name}, whose keys have ` +
        `${keyFormat.description}: check that ${account.secretPlace} has the key of that service.`
      this.#deps.alert('KEY_UNUSUAL', message, { fingerprint: value.fingerprint }, { once: true })
    }, 'LEDGER_UNAVAILABLE')
  }

  /** Adds a task under way. Its key may change later. */
  track(user: KeyUser): void {
    this.#underWay.add(user)
  }

  /** Removes a task that has ended. If it used an old key, publishes soon, because the key may be revocable now. */
  untrack(user: KeyUser): void {
    this.#underWay.delete(user)
    const held = user.account.secrets.usable()?.current
    if (held && held.value.fingerprint !== user.key.value.fingerprint) this.#publishSoon()
  }

  /** Called at every heartbeat: publishes which keys this process holds, and sometimes checks for revocable keys. */
  async heartbeat(): Promise<void> {
    await this.#publish()
    if (this.#used.size > 0 && this.#heartbeats++ % REVOCABLE_EVERY === 0) await this.#alertRevocable()
  }

  /** The keys that an account has used or holds, the one in use first. */
  known(account: Account, facts: readonly Fact[], now: number): KnownKey[] {
    // This process's own published fact is some seconds old: use its present state instead.
    const others = facts.filter(({ name }) => name !== this.#name)
    return reportKeys(account.secrets.usable()?.current, others, this.#presence(), this.#place(account.name), now)
  }

  /** The ledger's facts about keys, for `known`. */
  listFacts(): MaybePromise<readonly Fact[]> {
    return this.#deps.ledger.listFacts(SCOPE, this.#deps.clock.now())
  }

  /** Publishes that this process holds no key any more. */
  async unregister(): Promise<void> {
    await this.#publishUsed()
    if (this.#isPublished) await this.#setFact(this.#name, '{}', 0)
  }

  /** Publishes once for all changes of the same turn of the event loop. */
  #publishSoon(): void {
    this.#publishing ??= Promise.resolve().then(() => {
      this.#publishing = undefined
      if (!this.#deps.closed) this.#deps.background(() => this.#publish(), 'LEDGER_UNAVAILABLE')
    })
  }

  async #publishUsed(): Promise<void> {
    for (const [fingerprint, used] of this.#used) {
      if (!used.fresh) continue
      used.fresh = false
      const account = this.#deps.accounts.find(({ name }) => name === used.account)
      const budget = account?.claim?.id ?? this.#deps.name
      const value = JSON.stringify({ version: used.version.slice(0, 200), budget })
      await this.#setFact(`used/${this.#place(used.account)}/${fingerprint}`, value, USED_TTL_MS)
    }
  }

  async #publish(): Promise<void> {
    await this.#publishUsed()
    const presence = this.#presence()
    const nothing = presence.holds.length === 0 && Object.keys(presence.underWay).length === 0
    if (nothing && !this.#isPublished) return
    this.#isPublished = true
    await this.#setFact(this.#name, JSON.stringify(presence), PRESENCE_TTL_MS)
  }

  #presence(): Presence {
    const holds = this.#deps.accounts.flatMap(({ secrets }) => secrets.usable()?.current.value.fingerprint ?? [])
    const underWay: Record<string, number> = {}
    for (const { key } of this.#underWay) {
      const { fingerprint } = key.value
      underWay[fingerprint] = (underWay[fingerprint] ?? 0) + 1
    }
    return { holds, underWay }
  }

  /** Raises an alert for each key that no process uses any more: once, from the process that finds it first. */
  async #alertRevocable(): Promise<void> {
    const { accounts, clock } = this.#deps
    const facts = await this.listFacts()
    for (const account of accounts) {
      for (const key of this.known(account, facts, clock.now())) {
        if (!key.revocable || this.#reported.has(key.fingerprint)) continue
        this.#reported.add(key.fingerprint)
        if (!(await this.isFirstToReport('revocable', key.fingerprint))) continue
        const whichKey = accounts.length > 1 ? `An old key for ${account.name}` : 'An old key'
        const which = `(version ${key.version}, fingerprint ${key.fingerprint})`
        this.#deps.alert(
          'KEY_REVOCABLE',
          `${whichKey} ${which} may be revoked at the service: ${key.reason}.`,
          {
            fingerprint: key.fingerprint,
          },
          { once: true },
        )
      }
    }
  }

  /** True for the first process that asks: it raises the alert about the key, and no other process does. */
  async isFirstToReport(what: 'revocable' | 'due' | 'unusual', fingerprint: string): Promise<boolean> {
    const { ledger, clock, ownerId } = this.#deps
    const fact = { scope: SCOPE, name: `${what}/${fingerprint}`, value: ownerId, ttlMs: USED_TTL_MS, ifAbsent: true }
    return (await ledger.setFact(fact, clock.now())) === ownerId
  }

  #setFact(name: string, value: string, ttlMs: number): MaybePromise<string> {
    return this.#deps.ledger.setFact({ scope: SCOPE, name, value, ttlMs }, this.#deps.clock.now())
  }

  /** The name of this process's presence fact. */
  get #name(): string {
    return `owner/${this.#deps.ownerId}`
  }

  #place(account: string): string {
    return `${this.#deps.name}/${account}`
  }
}
