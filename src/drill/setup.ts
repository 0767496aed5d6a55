import type { Challenge } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import type { SolverAccount } from '../guard/accounts/options.js'
import { checkGuardOptions, type GuardOptions } from '../guard/options.js'
import { loadSqlite } from '../ledger/sqlite/load.js'
import type { Money } from '../policy/money.js'
import { scheduleState } from '../policy/schedule.js'
import { type Policy, parseNarrowing, parsePolicy } from '../policy/schema.js'
import { captchaAI } from '../solvers/captchaai.js'
import type { Price, Solver } from '../solvers/solver.js'
import { SERVICES, type ServiceName } from '../wires/services.js'

/** One account of the configuration, on a stand-in. */
export interface DrillAccount {
  /** Its name in budgets. */
  readonly name: string
  /** The user's solver, or one that imitates it. */
  readonly solver: Solver
  /** The service that the stand-in imitates. */
  readonly service: ServiceName
  /** Its own budget, as the user wrote it; absent for a guard with one service. */
  readonly own: Omit<SolverAccount, 'solver' | 'secret'> | undefined
  /** Its own daily amount, in micro-dollars. */
  readonly dayCap: Money | undefined
  readonly sharedKey: boolean
}

/** A configuration, as the scenarios use it. */
export interface Setup {
  readonly options: GuardOptions
  readonly policy: Policy
  readonly name: string
  readonly accounts: readonly [DrillAccount, ...DrillAccount[]]
  /** A widget on a page that the policy names, which the first account can solve. */
  readonly challenge: Challenge
  readonly price: Price
  /** A moment at which the schedule is open for a while, wall-clock ms; undefined if it never is. */
  readonly openAt: number | undefined
  /** Moments after that at which it is closed, if it ever is. */
  readonly closedAt: number | undefined
  readonly ledger: 'file' | 'memory'
  readonly audit: readonly AuditStandIn[]
  /** Whether the secret provider returns how old a key is. */
  readonly knowsKeyAge: boolean
  readonly notes: readonly string[]
}

/** The kind of sink that replaces one of the configuration. */
export type AuditStandIn = 'jsonl' | 'memory' | 'copy'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** For how long a schedule has to stay open for a drill to begin. */
const OPEN_FOR_MS = 2 * HOUR_MS

/** Widgets that services solve, the most common first. The sitekeys are made up. */
const WIDGETS: readonly Pick<Challenge, 'family' | 'variant' | 'sitekey'>[] = [
  { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6LcDrillDrillDrillDrillDrillDrillDrillDr' },
  { family: 'turnstile', variant: 'turnstile', sitekey: '0x4AAAAAAADrillDrill001' },
  { family: 'hcaptcha', variant: 'checkbox', sitekey: 'd1111111-d111-4111-8111-d11111111111' },
  { family: 'geetest', variant: 'v4', sitekey: 'd1111111d1114111811111111111d111' },
  { family: 'friendly', variant: 'v2', sitekey: 'FCMDrillDrill001' },
]

/**
 * Reads a configuration.
 *
 * @param now wall-clock ms
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 */
export async function readSetup(options: GuardOptions, now: number): Promise<Setup> {
  if (typeof options === 'object' && options !== null && 'broker' in options) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'A drill needs the options of the guard that holds the key: run it where the broker runs.',
    )
  }
  checkGuardOptions(options)
  const policy = parsePolicy(options.policy)
  const notes: string[] = []
  const accounts = accountsOf(options, notes)
  const [first] = accounts
  const challenge = challengeFor(policy, first.solver)
  const ledger = await ledgerOf(options, notes)
  const audit = auditOf(options, notes)
  const openAt = openMoment(policy, now)
  return {
    options,
    policy,
    name: options.name ?? 'default',
    accounts,
    challenge,
    price: first.solver.price(challenge),
    openAt,
    closedAt: openAt === undefined ? now : closedMoment(policy, openAt),
    ledger,
    audit,
    knowsKeyAge: (options.solvers?.[0]?.secret ?? options.secret)?.kind !== 'env' && hasSecret(options),
    notes,
  }
}

/** Without a provider of its own, a guard reads an environment variable, which has no age. */
function hasSecret({ secret, solvers }: GuardOptions): boolean {
  return secret !== undefined || solvers !== undefined
}

function accountsOf(options: GuardOptions, notes: string[]): Setup['accounts'] {
  const given: readonly Omit<SolverAccount, 'secret'>[] = options.solvers ?? [{ solver: options.solver ?? captchaAI() }]
  const accounts = given.map(({ solver, name = solver.name, budget, sharedKey }): DrillAccount => {
    const isKnown = Object.hasOwn(SERVICES, solver.name)
    if (!isKnown)
      notes.push(`The service ${solver.name} has no stand-in: CaptchaAI's interface is used, at its prices.`)
    const { price, threads, maxConcurrent } = solver
    return {
      name,
      solver: isKnown ? solver : { ...captchaAI(), name: solver.name, price, threads, maxConcurrent },
      service: isKnown ? (solver.name as ServiceName) : 'captchaai',
      own: options.solvers ? { name, budget, sharedKey } : undefined,
      dayCap: budget && amountOf(parseNarrowing({ budget }).budget),
      sharedKey: sharedKey ?? options.sharedKey ?? false,
    }
  })
  const [first, ...others] = accounts
  if (!first) throw new SolveguardError('CONFIG_INVALID', 'options.solvers: name at least one solver.')
  return [first, ...others]
}

function amountOf({ perDay, perCalendarDay = [] }: Policy['budget']): Money | undefined {
  const amounts = [...(perDay === undefined ? [] : [perDay]), ...perCalendarDay.map(({ amount }) => amount)]
  return amounts.length === 0 ? undefined : (Math.min(...amounts) as Money)
}

/** A page that the first origin of the policy names, with a widget that the service solves. */
function challengeFor({ origins = [] }: Policy, solver: Solver): Challenge {
  const [pattern = ''] = origins
  const pageUrl = `${pattern.replace('//*.', '//drill.')}/drill`
  const all = WIDGETS.map((widget): Challenge => ({ ...widget, pageUrl }))
  const solvable = all.find((challenge) => solver.unsupported(challenge) === undefined && hasPrice(solver, challenge))
  if (solvable) return solvable
  throw new SolveguardError(
    'CONFIG_INVALID',
    `The solver ${solver.name} solves, or has a price for, none of the usual widgets.`,
  )
}

function hasPrice(solver: Solver, challenge: Challenge): boolean {
  try {
    return solver.price(challenge).amount >= 0
  } catch {
    return false
  }
}

async function ledgerOf({ ledger }: GuardOptions, notes: string[]): Promise<'file' | 'memory'> {
  const kind = ledger?.kind ?? 'file'
  if (kind === 'memory') return 'memory'
  if (kind !== 'file') {
    notes.push(`The ledger (${kind}) is not touched: a ledger in memory, by the same rules, replaces it.`)
    return 'memory'
  }
  try {
    await loadSqlite()
    return 'file'
  } catch {
    notes.push('This Node has no SQLite for the ledger in a file: a ledger in memory, by the same rules, replaces it.')
    return 'memory'
  }
}

function auditOf({ audit }: GuardOptions, notes: string[]): readonly AuditStandIn[] {
  const sinks = audit === undefined ? [] : [audit].flat()
  if (sinks.length === 0) return ['jsonl']
  return sinks.map(({ kind }): AuditStandIn => {
    if (kind === 'jsonl') return 'jsonl'
    if (kind.startsWith('copy to ')) return 'copy'
    if (kind !== 'memory') notes.push(`The audit sink ${kind} is not touched: one in memory replaces it.`)
    return 'memory'
  })
}

/** The first moment from now on at which the schedule is open for a while. */
function openMoment({ schedules }: Policy, now: number): number | undefined {
  let shortest: number | undefined
  for (let at = now, looked = 0; looked < 20; looked++) {
    const { open, changesAt } = scheduleState(schedules, at)
    if (open) {
      if (changesAt === undefined || changesAt - at >= OPEN_FOR_MS) return at
      shortest ??= at
    }
    if (changesAt === undefined) return shortest
    at = changesAt
  }
  return shortest
}

/** A minute after the schedule closes next; undefined if it never does. */
function closedMoment({ schedules }: Policy, openAt: number): number | undefined {
  const { changesAt } = scheduleState(schedules, openAt)
  if (changesAt === undefined) return undefined
  const at = changesAt + MINUTE_MS
  return scheduleState(schedules, at).open ? changesAt : at
}
