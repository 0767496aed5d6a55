import { randomBytes } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { AlertChannel } from '../alerts/channel.js'
import { systemClock } from '../base/clock.js'
import { type Code, DeniedError, SolveguardError } from '../base/errors.js'
import { brokerHandler } from '../broker/server.js'
import type { BrokerHandler } from '../broker/types.js'
import { createGuard } from '../guard/create.js'
import type { GuardOptions } from '../guard/options.js'
import type { Grant, Guard, GuardEvents, Solution, SolveOptions } from '../guard/types.js'
import { fileLedger } from '../ledger/file.js'
import type { Ledger } from '../ledger/ledger.js'
import { memoryLedger } from '../ledger/memory.js'
import { type Money, micros, toUsd } from '../policy/money.js'
import type { EgressInput, PolicyInput } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Secret } from '../secrets/secret.js'
import { type SolverService, startSolverService } from '../testing/service/index.js'
import { drillAudit, failing } from './audit-stand-in.js'
import { type DrillClock, drillClock } from './clock.js'
import type { DrillAccount, Setup } from './setup.js'
import { closedPort, type NetworkStandIn, startIpCheck, startProxy } from './stand-ins.js'

/** What a scenario changes in its stage. */
export interface StageOptions {
  /** The moment at which its clock begins, wall-clock ms. @default when the schedule is open */
  readonly at?: number | undefined
  /** How old the key is, in ms. @default an hour */
  readonly keyAgeMs?: number | undefined
  /** What is wrong with the network. @default nothing */
  readonly network?: 'wrong-address' | 'proxy-down' | undefined
  /** Whether the guard asks for call-backs. The stand-ins make none. @default false */
  readonly callbacks?: boolean | undefined
}

/** Lets a test break what is drilled. */
export interface DrillSeams {
  /** The options of each guard, before it is made. */
  readonly options?: ((options: GuardOptions) => GuardOptions) | undefined
  /** The broker of each guard. */
  readonly broker?: ((handler: BrokerHandler) => BrokerHandler) | undefined
  /** The file that `--require` loads into a client that goes round the guard; undefined: as installed. */
  readonly registerFile?: string | undefined
  /** How long the drill waits for something that is under way, in real ms. @default 5_000 */
  readonly patienceMs?: number | undefined
}

/** How many solves the budgets still allow, where a scenario uses them up. */
export const SOLVES_LEFT = 5
const PATIENCE_MS = 5_000
const PATIENCE_STEP_MS = 2
const HOUR_MS = 3_600_000
/** An address for documentation, which no configuration expects. */
const WRONG_ADDRESS = '192.0.2.66'
/** Where nothing listens. */
const NO_HOOK = 'http://127.0.0.1:9/hooks'
const DEPOSIT_USD = 100_000

/** A scenario found something that is not as it has to be. */
export class DrillFailure extends Error {}

/** A guard of the user's configuration, on stand-ins, for one scenario. */
export interface Stage {
  readonly setup: Setup
  readonly clock: DrillClock
  readonly guard: Guard
  readonly ledger: Ledger
  /** The stand-in of the first account. */
  readonly service: SolverService
  readonly services: readonly SolverService[]
  readonly proxy: NetworkStandIn | undefined
  /** What is away now. */
  readonly down: { secret: boolean; ledger: boolean; audit: boolean }
  /** The alerts that were raised, and those that a channel of the configuration got. */
  readonly alerts: readonly GuardEvents['alert'][]
  readonly delivered: readonly Code[]
  readonly denials: readonly GuardEvents['denied'][]
  /** What the stand-ins charged for the guard's own tasks, in micro-dollars. */
  readonly charged: Money
  /** How many tasks were submitted. */
  readonly tasks: number
  /** Solves the widget of the setup, on a page that the policy names unless another is given. */
  solve(more?: Partial<Setup['challenge']>, options?: SolveOptions & { readonly grant?: Grant }): Promise<Solution>
  /** Uses budgets up, as earlier solves would, down to `SOLVES_LEFT` solves. Budgets with less are not changed. */
  spendBefore(budgets: readonly { readonly id: string; readonly cap: Money | undefined }[]): Promise<void>
  /** Charges the first account as another client with its key would. */
  stealElsewhere(amount: Money): void
  /** Runs a broker of the guard, without a socket, for as long as `work` takes. */
  withBroker<T>(work: (handler: BrokerHandler) => Promise<T>): Promise<T>
  /** Waits, in real time, until a condition holds. @returns whether it does */
  until(holds: () => boolean | Promise<boolean>): Promise<boolean>
  /**
   * Closes everything.
   * @returns what does not hold, of the promises that hold in every scenario
   */
  end(): Promise<string | undefined>
}

/**
 * Makes a guard of the user's configuration on stand-ins. Its ledger, its audit log and its key are the drill's own.
 *
 * @param folder of the drill
 */
export async function openStage(
  setup: Setup,
  folder: string,
  seams: DrillSeams,
  { at = setup.openAt ?? systemClock.now(), keyAgeMs = HOUR_MS, network, callbacks = false }: StageOptions = {},
): Promise<Stage> {
  const { policy, name, options, price } = setup
  const stateDir = await mkdtemp(join(folder, 'stage-'))
  const clock = drillClock(at)
  const down = { secret: false, ledger: false, audit: false }
  const services: SolverService[] = []
  const closing: (() => Promise<void>)[] = []
  const alerts: GuardEvents['alert'][] = []
  const denials: GuardEvents['denied'][] = []
  const delivered: Code[] = []
  let stolen = 0
  let usedUp = 0

  async function standIn(account: DrillAccount): Promise<SolverService> {
    const service = await startSolverService({
      as: account.service,
      keys: { [randomBytes(16).toString('hex')]: DEPOSIT_USD },
      price: toUsd(price.amount),
    })
    service.always('in', { callback: { never: true } })
    services.push(service)
    closing.push(service.close)
    return service
  }

  function secretOf(service: SolverService): SecretProvider {
    const createdAt = setup.knowsKeyAge ? at - keyAgeMs : undefined
    const value = new Secret(service.key)
    return {
      kind: 'drill',
      place: 'the drill',
      fetch() {
        if (down.secret)
          throw new DeniedError('SECRET_UNAVAILABLE', 'The secrets store is away, as the drill wants it.')
        return { current: { value, version: 'drill', createdAt } }
      },
    }
  }

  let proxy: NetworkStandIn | undefined
  async function egress(): Promise<EgressInput | undefined> {
    const { proxies, localAddresses, expected } = policy.egress
    if (proxies.length > 0) {
      proxy = await startProxy()
      closing.push(proxy.close)
    }
    const [first] = expected
    const inRange = first?.ranges[0]?.split('/')[0] ?? WRONG_ADDRESS
    const check = first && (await startIpCheck(() => (network === 'wrong-address' ? WRONG_ADDRESS : inRange)))
    if (check) closing.push(check.close)
    if (!proxy && !check && localAddresses.length === 0) return undefined
    return {
      ...(proxy && { proxy: network === 'proxy-down' ? await closedPort() : proxy.url }),
      ...(localAddresses.length > 0 && { localAddress: '127.0.0.1' }),
      ...(first && check && { expectIp: [...first.ranges], ipCheckUrl: `${check.url}/` }),
    }
  }

  const { wait: _, ...budget } = options.policy.budget ?? {}
  const drilled: PolicyInput = {
    ...options.policy,
    budget,
    egress: await egress(),
    // The services get it with a task: the user's own has a password.
    ...(options.policy.pageProxy !== undefined && { pageProxy: 'http://drill:drill@203.0.113.9:3128' }),
  }
  const accounts = await Promise.all(
    setup.accounts.map(async (account) => {
      const service = await standIn(account)
      const polling = { firstPollMs: 0, everyMs: 5 }
      const solver = { ...account.solver, baseUrl: service.url, polling: () => polling, keyFormat: undefined }
      return { account, solver, secret: secretOf(service) }
    }),
  )
  const [first] = accounts
  if (!first) throw new DrillFailure('there is no account')
  const raw = setup.ledger === 'file' ? fileLedger({ dir: stateDir, clock }) : memoryLedger()
  const audit = drillAudit(setup.audit, join(stateDir, 'audit'), () => down.audit)
  const channels = (options.alerts ?? []).map(
    ({ kind, place, id }): AlertChannel => ({
      kind,
      place,
      id,
      deliver: async ({ code }) => void delivered.push(code),
    }),
  )
  const { secretCache, onLeak, sharedKey } = options
  const composed: GuardOptions = {
    name,
    policy: drilled,
    ...(options.solvers
      ? { solvers: accounts.map(({ account, solver, secret }) => ({ ...account.own, solver, secret })) }
      : { solver: first.solver, secret: first.secret }),
    ledger: failing(raw, () => down.ledger),
    audit: audit.sinks,
    alerts: channels,
    ...(secretCache && { secretCache }),
    ...(onLeak && { onLeak }),
    ...(sharedKey !== undefined && { sharedKey }),
    ...(callbacks && { callbacks: { url: NO_HOOK } }),
    connectWithin: '1s',
    stateDir,
    clock,
  }
  const [service] = services
  let guard: Guard | undefined
  try {
    guard = await createGuard(seams.options?.(composed) ?? composed)
  } finally {
    if (!guard) for (const close of closing) await close()
  }
  if (!service) throw new DrillFailure('there is no service')
  const opened = guard
  opened.on('alert', (alert) => void alerts.push(alert))
  opened.on('denied', (denial) => void denials.push(denial))
  opened.on('retrying', () => {})
  opened.on('notifyFailed', () => {})

  const charged = (): Money => micros(services.reduce((sum, each) => sum + each.charged, 0) - stolen)
  const tasks = (): number => services.reduce((sum, each) => sum + each.tasks.length, 0)

  async function until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const end = systemClock.monotonic() + (seams.patienceMs ?? PATIENCE_MS)
    while (!(await holds())) {
      if (systemClock.monotonic() > end) return false
      await new Promise<void>((resolve) => void systemClock.after(PATIENCE_STEP_MS, resolve))
    }
    return true
  }

  /** What the ledger has counted since the stage was opened. */
  async function counted(): Promise<number> {
    const { spent, reserved } = await raw.usage(name, clock.now())
    return spent + reserved - usedUp
  }

  async function use(id: string, amount: Money): Promise<void> {
    const reservationId = `drill-${id}`
    const request = { id: reservationId, ownerId: 'drill', path: [{ id, limits: {} }], amount }
    const now = clock.now()
    await raw.reserve({ ...request, deadline: now + HOUR_MS }, now)
    await raw.settle({ reservationId, cost: amount }, now)
  }

  return {
    setup,
    clock,
    guard: opened,
    ledger: raw,
    service,
    services,
    get proxy() {
      return proxy
    },
    down,
    alerts,
    delivered,
    denials,
    get charged() {
      return charged()
    },
    get tasks() {
      return tasks()
    },
    solve: (more, { grant = opened, ...solveOptions } = {}) =>
      grant.solve({ ...setup.challenge, ...more }, solveOptions),
    async spendBefore(budgets) {
      for (const { id, cap } of budgets) {
        const amount = (cap ?? 0) - SOLVES_LEFT * price.amount
        if (amount <= 0) continue
        await use(id, micros(amount))
        if (id === name) usedUp += amount
      }
    },
    stealElsewhere(amount) {
      stolen += amount
      service.spendElsewhere(toUsd(amount))
    },
    async withBroker(work) {
      const { handler, tasks } = brokerHandler(opened, { acceptWaitMs: 0 })
      await tasks.open()
      try {
        return await work(seams.broker?.(handler) ?? handler)
      } finally {
        await tasks.close()
      }
    },
    until,
    async end() {
      Object.assign(down, { secret: false, ledger: false, audit: false })
      // What is under way is settled once its answer is there.
      const isCounted = price.amount === 0 || (await until(async () => (await counted()) >= charged()))
      const missing = isCounted ? undefined : `${charged()} micro-dollars were charged, ${await counted()} are counted`
      await opened.close()
      const unrecorded = await audit.problem(tasks())
      for (const close of closing) await close()
      return missing ?? unrecorded
    },
  }
}

/** The error of a promise that must not be fulfilled; undefined if it is. */
export async function errorOf(work: () => Promise<unknown>): Promise<SolveguardError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof SolveguardError) return error
    throw error
  }
}
