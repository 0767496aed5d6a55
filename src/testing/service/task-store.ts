import { randomBytes, randomUUID } from 'node:crypto'
import type { Family } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { type Money, usd, ZERO } from '../../policy/money.js'
import { Secret } from '../../secrets/secret.js'
import type { Order, Words } from '../../wires/wire.js'
import { readDigits } from '../shared/picture.js'

/** One task that the stand-in service was given. */
export interface ServiceTask {
  readonly id: string
  readonly family: Family | undefined
  readonly sitekey: string
  readonly pageUrl: string
  /** In base64, where it is about pictures. */
  readonly pictures?: readonly string[] | undefined
  /** What was asked about them. */
  readonly instruction?: string | undefined
  /** What it is to be solved through, as it was told: `http://user:password@203.0.113.9:3128`. */
  readonly proxy?: string | undefined
  /** The fields it was submitted with, but for the key. */
  readonly fields: Readonly<Record<string, string>>
  /** The fingerprint of the key that submitted it, as in audit records. */
  readonly key: string
  readonly submittedAt: number
  /** When it is, or will be, solved. */
  readonly readyAt: number
  readonly state: 'working' | 'ready' | 'failed'
  /** What the account was charged for it. Charged once it is solved, whether or not anybody asks for the answer. */
  readonly charged: Money
  readonly polls: number
  /** The answer, once it was given. */
  readonly answer?: string | undefined
  readonly report?: 'good' | 'bad' | undefined
}

/** What is answered: a token, or several values by name. */
export type ServiceAnswer = string | Readonly<Record<string, string>>

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type DeskTask = Writable<ServiceTask> & { pendingLeft: number }

interface Account {
  readonly mark: string
  /** What it holds, before what is charged for tasks. */
  readonly paidIn: Money
  spent: number
  /** How many of its tasks are being worked on. */
  working: number
}

export interface DeskOptions {
  readonly clock: Clock
  readonly keys: Readonly<Record<string, number>>
  readonly threads: number
  readonly fullError: string
  readonly solveMs: number | ((order: Order) => number)
  /** How tasks are numbered. */
  readonly ids: 'numbers' | 'uuids'
  readonly price: Money
  readonly answer: (task: ServiceTask) => ServiceAnswer
  readonly onAnswer: ((task: ServiceTask, token: string) => void) | undefined
}

const MOST_TASKS = 200_000
const ENDS_A_TASK = /UNSOLVABLE|TIMEOUT|DUPLICATES|PROXY/

/** The service behind its counter: keys, balances, threads and tasks. Knows nothing of HTTP. */
export class Desk {
  readonly #options: DeskOptions
  readonly #accounts = new Map<string, Account>()
  readonly #tasks = new Map<string, DeskTask>()
  /** Tasks not yet solved. */
  readonly #open = new Set<DeskTask>()
  #lastId = 7_000_000_000 + randomBytes(3).readUIntBE(0, 3)
  #charged = 0

  constructor(options: DeskOptions) {
    this.#options = options
    for (const [key, dollars] of Object.entries(options.keys)) this.addKey(key, dollars)
  }

  addKey(key: string, dollars: number): void {
    this.#accounts.set(key, { mark: new Secret(key).fingerprint, paidIn: usd(dollars), spent: 0, working: 0 })
  }

  revoke(key: string): void {
    this.#accounts.delete(key)
  }

  isKey(key: string): boolean {
    return this.#accounts.has(key)
  }

  get tasks(): readonly ServiceTask[] {
    this.#work()
    return [...this.#tasks.values()]
  }

  get charged(): Money {
    this.#work()
    return this.#charged as Money
  }

  get working(): number {
    this.#work()
    return this.#open.size
  }

  balance(key: string): Money {
    this.#work()
    const account = this.#accounts.get(key)
    return account ? (Math.max(account.paidIn - account.spent, 0) as Money) : ZERO
  }

  /** Takes money from an account, as another client with its key would. */
  spend(key: string, amount: Money): void {
    const account = this.#accounts.get(key)
    if (account) account.spent += amount
    this.#charged += account ? amount : 0
  }

  /** Why a key is not let in, or undefined. */
  refusesKey(key: string | undefined): string | undefined {
    if (!key) return 'ERROR_WRONG_USER_KEY'
    return this.#accounts.has(key) ? undefined : 'ERROR_KEY_DOES_NOT_EXIST'
  }

  submit(key: string, order: Order, pendingTimes: number): Words {
    this.#work()
    const account = this.#accounts.get(key)
    if (!account) return { error: 'ERROR_KEY_DOES_NOT_EXIST' }
    if (order.wrong !== undefined) return { error: order.wrong }
    const { price, threads, fullError, clock, solveMs } = this.#options
    if (account.paidIn - account.spent - account.working * price < price) return { error: 'ERROR_ZERO_BALANCE' }
    if (this.#open.size >= threads) return { error: fullError }
    const submittedAt = clock.now()
    const task: DeskTask = {
      id: this.#options.ids === 'uuids' ? randomUUID() : String(++this.#lastId),
      family: order.family,
      sitekey: order.sitekey,
      pageUrl: order.pageUrl,
      pictures: order.pictures,
      instruction: order.instruction,
      proxy: order.proxy,
      fields: order.fields,
      key: account.mark,
      submittedAt,
      state: 'working',
      charged: ZERO,
      polls: 0,
      readyAt: submittedAt + (typeof solveMs === 'number' ? solveMs : solveMs(order)),
      pendingLeft: pendingTimes,
    }
    this.#tasks.set(task.id, task)
    this.#open.add(task)
    account.working++
    if (this.#tasks.size > MOST_TASKS) this.#forgetOldest()
    this.#work()
    return { ok: task.id }
  }

  poll(key: string, id: string, pendingTimes: number | undefined, error: string | undefined): Words {
    const task = this.#find(key, id)
    if ('error' in task) return task
    task.polls++
    if (pendingTimes !== undefined) task.pendingLeft = pendingTimes
    this.#work()
    if (error !== undefined) {
      if (ENDS_A_TASK.test(error)) this.#fail(key, task)
      return { error }
    }
    if (task.state === 'failed') return { error: 'ERROR_CAPTCHA_UNSOLVABLE' }
    if (task.state === 'working') {
      if (task.pendingLeft > 0) task.pendingLeft--
      return { error: 'CAPCHA_NOT_READY' }
    }
    if (task.answer === undefined) {
      const answer = this.#answer(task)
      if (answer === undefined) {
        this.#fail(key, task)
        return { error: 'ERROR_CAPTCHA_UNSOLVABLE' }
      }
      task.answer = answer
      this.#options.onAnswer?.(task, answer)
    }
    return { ok: task.answer, price: (task.charged / 1e6).toFixed(6), task }
  }

  /** Several values as JSON: each wire says them its own way. */
  #answer(task: DeskTask): string | undefined {
    try {
      const answer = this.#options.answer(task)
      return typeof answer === 'string' ? answer : JSON.stringify(answer)
    } catch {
      return undefined
    }
  }

  report(key: string, id: string, report: 'good' | 'bad'): Words {
    const task = this.#find(key, id)
    if ('error' in task) return task
    if (task.report) return { error: 'ERROR_DUPLICATE_REPORT' }
    task.report = report
    return { ok: 'OK_REPORT_RECORDED' }
  }

  #find(key: string, id: string): DeskTask | { error: string } {
    if (!/^(?:\d{1,20}|[\da-f-]{36})$/.test(id)) return { error: 'ERROR_WRONG_ID_FORMAT' }
    const task = this.#tasks.get(id)
    return task && task.key === this.#accounts.get(key)?.mark ? task : { error: 'ERROR_WRONG_CAPTCHA_ID' }
  }

  /** Solves what has been worked on for long enough, and charges for it. */
  #work(): void {
    const now = this.#options.clock.now()
    const alike = typeof this.#options.solveMs === 'number'
    for (const task of this.#open) {
      if (task.readyAt > now) {
        // All take the same time, so those behind it are not ready either.
        if (alike) break
        continue
      }
      if (task.pendingLeft > 0) continue
      task.state = 'ready'
      this.#end(task)
      this.#charge(task, this.#options.price)
    }
  }

  #fail(key: string, task: DeskTask): void {
    if (task.state === 'working') this.#end(task)
    task.state = 'failed'
    const account = this.#accounts.get(key)
    if (account) account.spent -= task.charged
    this.#charged -= task.charged
    task.charged = ZERO
  }

  #end(task: DeskTask): void {
    this.#open.delete(task)
    const account = this.#account(task)
    if (account) account.working--
  }

  #charge(task: DeskTask, price: Money): void {
    task.charged = price
    this.#charged += price
    const account = this.#account(task)
    if (account) account.spent += price
  }

  #forgetOldest(): void {
    const [oldest] = this.#tasks.keys()
    if (oldest !== undefined) this.#tasks.delete(oldest)
  }

  #account(task: DeskTask): Account | undefined {
    for (const account of this.#accounts.values()) if (account.mark === task.key) return account
    return undefined
  }
}

/** What the service answers where nobody says: what it can read off the stand-in site's pictures, else anything. */
export function usualAnswer({ family, pictures = [], instruction, sitekey, fields }: ServiceTask): ServiceAnswer {
  if (family === 'geetest') return geetestAnswer(sitekey, fields.challenge)
  const read = pictures.map((base64) => readDigits(Buffer.from(base64, 'base64')))
  if (family === 'image') return read[0] ?? randomBytes(3).toString('hex')
  if (family === 'bls') {
    const meant = read.flatMap((digits, at) => (digits === instruction ? [at + 1] : []))
    return JSON.stringify(meant.length > 0 ? meant : [1])
  }
  return randomToken()
}

function geetestAnswer(sitekey: string, challenge: string | undefined): ServiceAnswer {
  const hex = (bytes: number) => randomBytes(bytes).toString('hex')
  if (challenge === undefined) {
    const times = { lot_number: hex(16), gen_time: String(Math.floor(Date.now() / 1000)) }
    return { captcha_id: sitekey, ...times, pass_token: hex(32), captcha_output: randomBytes(90).toString('base64') }
  }
  const validate = hex(16)
  return {
    geetest_challenge: challenge + hex(1),
    geetest_validate: validate,
    geetest_seccode: `${validate}|jordan`,
  }
}

/** A token that looks like reCAPTCHA's. */
function randomToken(): string {
  return `03AF${randomBytes(360).toString('base64url')}`
}
