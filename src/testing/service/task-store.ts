import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import { type Money, usd, ZERO } from '../../policy/money.js'
import { Secret } from '../../secrets/secret.js'
import type { TaskRequest, WireReply } from '../../wires/wire.js'

/** One task that a client submitted to the stand-in service. */
export interface ServiceTask {
  /** A number as text, or (CapSolver) a UUID. */
  readonly id: string
  /** Absent if the service does not know the family that the client asked for. */
  readonly family: TaskRequest['family']
  /** Empty for tasks about pictures. */
  readonly sitekey: string
  /** Empty for tasks about pictures. */
  readonly pageUrl: string
  /** The pictures in base64. Absent for tasks about widgets. */
  readonly pictures?: readonly string[] | undefined
  /** The question about the pictures. */
  readonly instruction?: string | undefined
  /** The proxy that the client asked to solve through: `http://user:password@203.0.113.9:3128`. */
  readonly proxy?: string | undefined
  /** The fields that it was submitted with, without the key. */
  readonly fields: Readonly<Record<string, string>>
  /** The fingerprint of the key that submitted it, as in audit records. */
  readonly key: string
  /** Wall time, ms since 1970. */
  readonly submittedAt: number
  /** Wall time at which it is, or will be, solved; ms since 1970. */
  readonly readyAt: number
  /** `failed`: no answer, nothing charged. */
  readonly state: 'working' | 'ready' | 'failed'
  /**
   * What the account was charged for it, micro-dollars. Charged once solved, even if no client polls for the answer.
   */
  readonly charged: Money
  /** How often a client has polled for it. */
  readonly polls: number
  /** The answer, once a poll has got it. */
  readonly answer?: string | undefined
  /** What a client has reported about the answer. */
  readonly report?: 'good' | 'bad' | undefined
}

/** An answer: a token, or several values by name. */
export type ServiceAnswer = string | Readonly<Record<string, string>>

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type StoredTask = Writable<ServiceTask> & { pendingLeft: number }

interface Account {
  readonly fingerprint: string
  /** The deposit, before charges. Micro-dollars. */
  readonly deposited: Money
  /** Micro-dollars. */
  spent: number
  /** How many of its tasks are not solved yet. */
  working: number
}

export interface TaskStoreOptions {
  readonly clock: Clock
  /** The dollars on each key. */
  readonly keys: Readonly<Record<string, number>>
  /** How many tasks may be open at a time. */
  readonly threads: number
  /** The error code when `threads` tasks are open. */
  readonly fullError: string
  readonly solveMs: number | ((task: TaskRequest) => number)
  readonly ids: 'numbers' | 'uuids'
  readonly price: Money
  readonly answer: (task: ServiceTask) => ServiceAnswer
  readonly onAnswer: ((task: ServiceTask, token: string) => void) | undefined
}

const MAX_TASKS = 200_000
const ENDS_A_TASK = /UNSOLVABLE|TIMEOUT|DUPLICATES|PROXY/

/** The service without HTTP: keys, balances, threads and tasks. */
export class TaskStore {
  readonly #options: TaskStoreOptions
  readonly #accounts = new Map<string, Account>()
  readonly #tasks = new Map<string, StoredTask>()
  /** Tasks that are not solved yet. */
  readonly #open = new Set<StoredTask>()
  #lastId = 7_000_000_000 + randomBytes(3).readUIntBE(0, 3)
  #charged = 0

  constructor(options: TaskStoreOptions) {
    this.#options = options
    for (const [key, dollars] of Object.entries(options.keys)) this.addKey(key, dollars)
  }

  addKey(key: string, dollars: number): void {
    const { fingerprint } = new Secret(key)
    this.#accounts.set(key, { fingerprint, deposited: usd(dollars), spent: 0, working: 0 })
  }

  revoke(key: string): void {
    this.#accounts.delete(key)
  }

  isKey(key: string): boolean {
    return this.#accounts.has(key)
  }

  get tasks(): readonly ServiceTask[] {
    this.#solveDue()
    return [...this.#tasks.values()]
  }

  get charged(): Money {
    this.#solveDue()
    return this.#charged as Money
  }

  get working(): number {
    this.#solveDue()
    return this.#open.size
  }

  /** How many tasks may be open at a time; a large number where there is no limit. */
  get threads(): number {
    return Math.min(this.#options.threads, MAX_TASKS)
  }

  balance(key: string): Money {
    this.#solveDue()
    const account = this.#accounts.get(key)
    return account ? (Math.max(account.deposited - account.spent, 0) as Money) : ZERO
  }

  /** The id of the oldest task; empty before the first one. */
  get firstId(): string {
    return this.#tasks.keys().next().value ?? ''
  }

  /** Charges an account as another client with its key would. */
  spend(key: string, amount: Money): void {
    const account = this.#accounts.get(key)
    if (account) account.spent += amount
    this.#charged += account ? amount : 0
  }

  /** The error code for a key that is missing or unknown; undefined for one that is known. */
  keyError(key: string | undefined): string | undefined {
    if (!key) return 'ERROR_WRONG_USER_KEY'
    return this.#accounts.has(key) ? undefined : 'ERROR_KEY_DOES_NOT_EXIST'
  }

  submit(key: string, request: TaskRequest, pendingTimes: number): WireReply {
    this.#solveDue()
    const account = this.#accounts.get(key)
    if (!account) return { error: 'ERROR_KEY_DOES_NOT_EXIST' }
    if (request.error !== undefined) return { error: request.error }
    const { price, threads, fullError, clock, solveMs } = this.#options
    if (account.deposited - account.spent - account.working * price < price) return { error: 'ERROR_ZERO_BALANCE' }
    if (this.#open.size >= threads) return { error: fullError }
    const submittedAt = clock.now()
    const task: StoredTask = {
      id: this.#options.ids === 'uuids' ? randomUUID() : String(++this.#lastId),
      family: request.family,
      sitekey: request.sitekey,
      pageUrl: request.pageUrl,
      pictures: request.pictures,
      instruction: request.instruction,
      proxy: request.proxy,
      fields: request.fields,
      key: account.fingerprint,
      submittedAt,
      state: 'working',
      charged: ZERO,
      polls: 0,
      readyAt: submittedAt + (typeof solveMs === 'number' ? solveMs : solveMs(request)),
      pendingLeft: pendingTimes,
    }
    this.#tasks.set(task.id, task)
    this.#open.add(task)
    account.working++
    if (this.#tasks.size > MAX_TASKS) this.#deleteOldest()
    this.#solveDue()
    return { value: task.id }
  }

  poll(key: string, id: string, pendingTimes: number | undefined, error: string | undefined): WireReply {
    const task = this.#find(key, id)
    if ('error' in task) return task
    task.polls++
    if (pendingTimes !== undefined) task.pendingLeft = pendingTimes
    this.#solveDue()
    if (error !== undefined) {
      if (ENDS_A_TASK.test(error)) this.#fail(task)
      return { error }
    }
    if (task.state === 'working' && task.pendingLeft > 0) {
      task.pendingLeft--
      return { error: 'CAPCHA_NOT_READY' }
    }
    return this.#resultOf(task)
  }

  #resultOf(task: StoredTask): WireReply {
    if (task.state === 'failed') return { error: 'ERROR_CAPTCHA_UNSOLVABLE' }
    if (task.state === 'working') return { error: 'CAPCHA_NOT_READY' }
    if (task.answer === undefined) {
      const answer = this.#answer(task)
      if (answer === undefined) {
        this.#fail(task)
        return { error: 'ERROR_CAPTCHA_UNSOLVABLE' }
      }
      task.answer = answer
      this.#options.onAnswer?.(task, answer)
    }
    return { value: task.answer, cost: task.charged, task }
  }

  /** Several values become JSON, which each wire encodes in its own way. */
  #answer(task: StoredTask): string | undefined {
    try {
      const answer = this.#options.answer(task)
      return typeof answer === 'string' ? answer : JSON.stringify(answer)
    } catch {
      return undefined
    }
  }

  /** What a poll would get, without one. */
  result(id: string): WireReply {
    const task = this.#tasks.get(id)
    if (!task) return { error: 'ERROR_WRONG_CAPTCHA_ID' }
    this.#solveDue()
    return this.#resultOf(task)
  }

  /** When a task is done, wall time. */
  readyAt(id: string): number {
    return this.#tasks.get(id)?.readyAt ?? 0
  }

  report(key: string, id: string, report: 'good' | 'bad'): WireReply {
    const task = this.#find(key, id)
    if ('error' in task) return task
    if (task.report) return { error: 'ERROR_DUPLICATE_REPORT' }
    task.report = report
    return { value: 'OK_REPORT_RECORDED' }
  }

  #find(key: string, id: string): StoredTask | { error: string } {
    if (!/^(?:\d{1,20}|[\da-f-]{36})$/.test(id)) return { error: 'ERROR_WRONG_ID_FORMAT' }
    const task = this.#tasks.get(id)
    return task && task.key === this.#accounts.get(key)?.fingerprint ? task : { error: 'ERROR_WRONG_CAPTCHA_ID' }
  }

  /** Marks the tasks as solved whose time has passed, and charges for them. */
  #solveDue(): void {
    const now = this.#options.clock.now()
    const sameDuration = typeof this.#options.solveMs === 'number'
    for (const task of this.#open) {
      if (task.readyAt > now) {
        // All tasks take the same time, so the later ones are not ready either.
        if (sameDuration) break
        continue
      }
      if (task.pendingLeft > 0) continue
      task.state = 'ready'
      this.#close(task)
      this.#charge(task, this.#options.price)
    }
  }

  #fail(task: StoredTask): void {
    if (task.state === 'working') this.#close(task)
    task.state = 'failed'
    const account = this.#accountOf(task)
    if (account) account.spent -= task.charged
    this.#charged -= task.charged
    task.charged = ZERO
  }

  #close(task: StoredTask): void {
    this.#open.delete(task)
    const account = this.#accountOf(task)
    if (account) account.working--
  }

  #charge(task: StoredTask, price: Money): void {
    task.charged = price
    this.#charged += price
    const account = this.#accountOf(task)
    if (account) account.spent += price
  }

  #deleteOldest(): void {
    const [oldest] = this.#tasks.keys()
    if (oldest !== undefined) this.#tasks.delete(oldest)
  }

  #accountOf(task: StoredTask): Account | undefined {
    for (const account of this.#accounts.values()) if (account.fingerprint === task.key) return account
    return undefined
  }
}
