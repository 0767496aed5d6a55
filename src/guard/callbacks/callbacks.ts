import { randomBytes } from 'node:crypto'
import { canReach } from '../../base/public-host.js'
import type { Account } from '../accounts/account.js'
import { RecentTexts } from '../accounts/recent-texts.js'
import { ledgerDown } from '../errors.js'
import type { BackgroundTasks, GuardContext, Notifier } from '../ports.js'
import { newAddress, ownerTag, readAddress } from './address.js'
import { type CallbackServer, listenForCallbacks } from './listener.js'
import type { CallbackOptions } from './options.js'
import { callbackReceiver } from './receive.js'

/** How long the key of the addresses is kept in the ledger: ten years. A fact has an end. */
const KEY_TTL_MS = 10 * 365 * 86_400_000
/** How often call-backs that arrived at other processes are read, while any is waited for. */
const READ_EVERY_MS = 1_000
/** How long the fact of a call-back that another process waits for is kept. */
const FACT_TTL_MS = 60_000
/** How many facts a process writes for other processes in a second. */
const MAX_FACTS_PER_SECOND = 200
/** How many of the latest call-backs for other processes are remembered: each is written once. */
const MAX_FORWARDED = 5_000
/** After so many tasks in a row that ended without their call-back, an account is polled as without call-backs. */
const MAX_MISSED = 3

/** The call-back of one task. A hint: it ends a wait, and what counts is what the service replies when it is asked. */
export interface TaskCallback {
  /** The address for the service. */
  readonly url: string
  /** When it arrived, monotonic ms; undefined until then. Only the first one counts. */
  readonly calledAt: number | undefined
  /** Whether the service is still to be asked because of it. */
  readonly isDue: boolean
  /** The service has accepted the task: from now on an arrival ends its wait. */
  follow(): void
  /** Whether call-backs of the account arrive: else its tasks are polled as without them. */
  readonly isExpected: boolean
  /** The service has been asked because of it, and the task was not ready: it called too early. */
  spend(): void
  /** The service had the answer, and was asked only because no call-back came. */
  missed(): void
  /** The task has ended: what arrives from now on changes nothing. */
  end(): void
}

/** A task that waits between two calls. */
export interface Waiting {
  /** Ends the wait, while there is one. */
  wake: (() => void) | undefined
}

/** What call-backs need from the guard. */
export interface CallbacksDeps extends GuardContext, BackgroundTasks, Pick<Notifier, 'alert'> {}

/**
 * The call-backs that the guard waits for. One that arrives at another process of the guard is passed on as a fact of
 * the ledger.
 */
export class Callbacks {
  readonly #deps: CallbacksDeps
  readonly #options: CallbackOptions | undefined
  readonly #owner: string
  readonly #expected = new Map<string, Expected>()
  /** For each account, how many tasks in a row ended without their call-back. */
  readonly #missed = new WeakMap<Account, number>()
  readonly #forwarded = new RecentTexts(MAX_FORWARDED)
  #facts = { second: 0, count: 0 }
  /** Made by the first process of the guard, and the same in all of them. */
  #key: Buffer | undefined
  /** How many of the expected ones have not arrived. */
  #pending = 0
  #cancelRead: (() => void) | undefined
  #server: CallbackServer | undefined

  constructor(deps: CallbacksDeps, options: CallbackOptions | undefined) {
    this.#deps = deps
    this.#options = options
    this.#owner = ownerTag(deps.ownerId)
  }

  get options(): CallbackOptions | undefined {
    return this.#options
  }

  /**
   * Gets the key of the addresses, and listens, if that is asked for.
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   * @throws SolveguardError `CONFIG_INVALID`
   */
  async open(): Promise<void> {
    if (!this.#options) return
    const { ledger, clock } = this.#deps
    const value = randomBytes(32).toString('base64url')
    const fact = { scope: this.#scope, name: 'key', value, ttlMs: KEY_TTL_MS, ifAbsent: true }
    try {
      this.#key = Buffer.from(await ledger.setFact(fact, clock.now()), 'base64url')
    } catch (error) {
      throw ledgerDown(error)
    }
    const { listen } = this.#options
    if (listen) this.#server = await listenForCallbacks(callbackReceiver(this), listen, clock)
  }

  /** The call-back of a new task; undefined where there is none for such a task. */
  expect(account: Account, task: Waiting): TaskCallback | undefined {
    const { solver } = account
    if (!this.#options || !this.#key || solver.callbackField === undefined || this.#deps.closed) return undefined
    const { origin, prefix, hostname } = this.#options.at
    if (!canReach(solver.baseUrl, hostname)) return undefined
    const { id, text } = newAddress(this.#owner, this.#key)
    const expected = new Expected(this, account, task, id, `${origin}${prefix}/${text}`)
    this.#expected.set(id, expected)
    this.#pending++
    this.#readLater()
    return expected
  }

  /**
   * A call-back has arrived. For an address that is not waited for, a second time, or for a task that has ended it does
   * nothing, and takes as long.
   */
  receive(text: string): void {
    if (!this.#key || this.#deps.closed) return
    const address = readAddress(text, this.#key)
    if (!address) return
    if (address.owner === this.#owner) this.#expected.get(address.id)?.arrived(this.#deps.clock.monotonic())
    else this.#passOn(address.owner, address.id)
  }

  isExpectedOf(account: Account): boolean {
    return (this.#missed.get(account) ?? 0) < MAX_MISSED
  }

  /** Called by each expected call-back, once, when it has arrived or its task has ended. */
  settled(account: Account, hasArrived: boolean): void {
    this.#pending--
    if (hasArrived) this.#missed.delete(account)
    if (this.#pending === 0) this.#stopReading()
  }

  missed(account: Account): void {
    const missed = (this.#missed.get(account) ?? 0) + 1
    this.#missed.set(account, missed)
    if (missed !== MAX_MISSED) return
    this.#deps.alert(
      'CALLBACKS_MISSING',
      `${account.name} called back for none of ${MAX_MISSED} tasks in a row, so it is polled as without call-backs: ` +
        `check that ${this.#options?.at.origin} can be reached from outside, and whether the service wants the domain ` +
        'registered or proven.',
      undefined,
      { about: account.name },
    )
  }

  forget(id: string): void {
    this.#expected.delete(id)
  }

  async close(): Promise<void> {
    this.#stopReading()
    await this.#server?.close()
  }

  get #scope(): string {
    return `callbacks/${this.#deps.name}`
  }

  /** Notifies the process that waits for it. Bounded: a sender that has seen addresses may repeat them without end. */
  #passOn(owner: string, id: string): void {
    const { clock, ledger } = this.#deps
    const second = Math.floor(clock.monotonic() / 1_000)
    if (this.#facts.second !== second) this.#facts = { second, count: 0 }
    if (this.#facts.count >= MAX_FACTS_PER_SECOND || !this.#isShared || !this.#forwarded.add(id)) return
    this.#facts.count++
    const fact = { scope: `${this.#scope}/${owner}`, name: id, value: '', ttlMs: FACT_TTL_MS }
    this.#deps.background(() => ledger.setFact(fact, clock.now()), 'LEDGER_UNAVAILABLE')
  }

  /** A ledger in memory is one process's. */
  get #isShared(): boolean {
    return this.#deps.ledger.kind !== 'memory'
  }

  #readLater(): void {
    if (this.#cancelRead || this.#pending === 0 || !this.#isShared || this.#deps.closed) return
    this.#cancelRead = this.#deps.clock.after(
      READ_EVERY_MS,
      () => {
        this.#cancelRead = undefined
        this.#deps.background(() => this.#read(), 'LEDGER_UNAVAILABLE')
      },
      false,
    )
  }

  /** Reads which call-backs have arrived at other processes. */
  async #read(): Promise<void> {
    const { clock, ledger } = this.#deps
    try {
      const facts = await ledger.listFacts(`${this.#scope}/${this.#owner}`, clock.now())
      for (const { name } of facts) this.#expected.get(name)?.arrived(clock.monotonic())
    } finally {
      this.#readLater()
    }
  }

  #stopReading(): void {
    this.#cancelRead?.()
    this.#cancelRead = undefined
  }
}

class Expected implements TaskCallback {
  readonly url: string
  readonly #all: Pick<Callbacks, 'settled' | 'missed' | 'forget' | 'isExpectedOf'>
  readonly #account: Account
  readonly #task: Waiting
  readonly #id: string
  #calledAt: number | undefined
  #isFollowed = false
  #state: 'pending' | 'due' | 'spent' | 'ended' = 'pending'

  constructor(all: Callbacks, account: Account, task: Waiting, id: string, url: string) {
    this.#all = all
    this.#account = account
    this.#task = task
    this.#id = id
    this.url = url
  }

  get calledAt(): number | undefined {
    return this.#calledAt
  }

  get isDue(): boolean {
    return this.#state === 'due'
  }

  get isExpected(): boolean {
    return this.#all.isExpectedOf(this.#account)
  }

  arrived(at: number): void {
    if (this.#state !== 'pending') return
    this.#state = 'due'
    this.#calledAt = at
    this.#all.settled(this.#account, true)
    // What is not submitted yet must not be submitted sooner.
    if (this.#isFollowed) this.#task.wake?.()
  }

  follow(): void {
    this.#isFollowed = true
  }

  spend(): void {
    if (this.#state === 'due') this.#state = 'spent'
  }

  missed(): void {
    if (this.#state === 'pending') this.#all.missed(this.#account)
  }

  end(): void {
    if (this.#state === 'pending') this.#all.settled(this.#account, false)
    this.#state = 'ended'
    this.#all.forget(this.#id)
  }
}
