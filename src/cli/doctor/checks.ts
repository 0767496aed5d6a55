import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { verifyAudit } from '../../audit/verify.js'
import { type DeniedError, messageOf, SolveguardError } from '../../base/errors.js'
import { auditKeyOf, auditOf, ledgerOf } from '../../config/guard-options.js'
import { checkPolicy } from '../../config/resolve.js'
import { withoutSecrets } from '../../config/secret-text.js'
import { serviceTime } from '../../egress/service-time.js'
import { isNoLedger, openLedger } from '../../ledger/open.js'
import { durationMs, formatMs } from '../../policy/duration.js'
import { formatTime } from '../../policy/format-time.js'
import { formatUsd } from '../../policy/money.js'
import { type PolicyInput, parsePolicy } from '../../policy/schema.js'
import { accountsOf, type CliAccount, readBalance, transportTo } from '../accounts.js'
import { openGuard } from '../configuration.js'
import { type Check, type CheckInput, type Finding, failed, ok, warning } from './check.js'

/** A clock may differ by this much before signatures, tokens and days go wrong, ms. */
const CLOCK_TOLERANCE_MS = 60_000
const TIMEOUT_MS = 10_000
const WRITABLE = 'Make it a place that this user may write to, or name another one.'

/** The checks of a guard that holds the key, in the order of the layers. */
export const GUARD_CHECKS: readonly Check[] = [
  { name: 'policy', run: policy },
  { name: 'secret', run: secret },
  { name: 'network', online: true, run: network },
  { name: 'ledger', run: ledger },
  { name: 'audit', run: audit },
  { name: 'clock', online: true, run: clock },
  { name: 'service', online: true, run: service },
  { name: 'browser', run: browser },
]

/** The checks of a machine that holds a broker's token. */
export const BROKER_CHECKS: readonly Check[] = [
  { name: 'broker', online: true, run: broker },
  { name: 'browser', run: browser },
]

async function policy({ configuration }: CheckInput): Promise<Finding> {
  const { origins = [], schedule, budget } = checkPolicy(configuration)
  const parsed = parsePolicy(checkPolicy(configuration) as PolicyInput)
  const sites = `${origins.length === 1 ? '1 origin' : `${origins.length} origins`}`
  const { perDay } = parsed.budget
  const amount = perDay === undefined ? 'an amount for a calendar day' : `${formatUsd(perDay)} in 24 hours`
  const found = `${sites}, ${amount}${schedule ? ', working hours' : ''}`
  if (budget?.perDay === undefined) return warning(found, 'The amount is the default: set policy.budget.perDay.')
  return ok(found)
}

async function secret({ context, configuration, now }: CheckInput): Promise<Finding> {
  const { key } = configuration.config.policy ?? {}
  const findings: Finding[] = []
  for (const { name, solver, secret: provider } of accountsOf(configuration)) {
    const { current } = await provider.fetch(context.signal)
    const { createdAt, expiresAt } = current
    const age = createdAt === undefined ? 'its store does not know its age' : `created ${formatTime(createdAt)}`
    const found = `${name}: ${provider.kind} ${provider.place}, version ${current.version}, ${age}`
    const oldFrom =
      key?.expireAfter === undefined || createdAt === undefined ? undefined : createdAt + durationMs(key.expireAfter)
    const dueFrom =
      key?.rotateEvery === undefined || createdAt === undefined ? undefined : createdAt + durationMs(key.rotateEvery)
    const create = `Create a new key at ${solver.name} and store it in ${provider.place}.`
    if ((oldFrom ?? expiresAt ?? Number.POSITIVE_INFINITY) <= now) findings.push(failed(found, create, 'KEY_TOO_OLD'))
    else if (dueFrom !== undefined && dueFrom <= now) findings.push(warning(`${found}, due for rotation`, create))
    else if (solver.keyFormat && !current.value.matches(solver.keyFormat.pattern)) {
      const expected = `a key of ${solver.name} has ${solver.keyFormat.description}`
      findings.push(warning(`${found}, and ${expected}`, `Check that ${provider.place} has the key of ${solver.name}.`))
    } else if (key?.expireAfter !== undefined && createdAt === undefined) {
      findings.push(warning(found, 'policy.key.expireAfter needs a store that knows when a key was created.'))
    } else findings.push(ok(found))
  }
  return worst(findings)
}

async function network({ context, configuration }: CheckInput): Promise<Finding> {
  const routes: string[] = []
  for (const account of accountsOf(configuration)) {
    const transport = transportTo(context, configuration, account)
    await transport.verify()
    // Only a route that was tried holds: with no address expected, nothing was sent by now.
    if (transport.route !== 'direct') {
      const there = await timeAt(context, configuration, account).catch((error: unknown) => new Error(messageOf(error)))
      if (there instanceof Error) {
        return failed(`${transport.route}: ${there.message}`, 'Correct policy.egress, or start the proxy.', UNREACHABLE)
      }
    }
    routes.push(transport.address === undefined ? transport.route : `${transport.route}, from ${transport.address}`)
  }
  const found = [...new Set(routes)].join('; ')
  if (configuration.config.policy?.egress?.expectIp === undefined) {
    return ok(`${found}; no address is expected (policy.egress.expectIp)`)
  }
  return ok(found)
}

async function ledger({ context, configuration, now }: CheckInput): Promise<Finding> {
  const made = ledgerOf(configuration.config, configuration.stateDir)
  const isFile = made.kind === 'file'
  const place = made.place ?? configuration.stateDir
  const inTheWay = isFile ? obstacle(place, 'file') : undefined
  try {
    const reader = await openLedger({ ledger: made, clock: context.clock })
    context.defer(() => reader.close())
    const { day, paused, clocks } = await reader.status(configuration.name)
    const found = `${reader.kind} ${reader.place ?? ''}: ${formatUsd(day.spent)} spent in 24 hours`
    if (paused) {
      const since = formatTime(paused.at)
      return failed(
        `${found}; PAUSED since ${since}: ${paused.message}`,
        'Correct the cause, then: npx solveguard resume',
        'GUARD_PAUSED',
      )
    }
    if (clocks) {
      return failed(
        `${found}; its clock shows ${formatTime(clocks.ledger.getTime())}, this machine's ${formatTime(now)}`,
        'Set the clock that is wrong.',
        'CLOCKS_DIFFER',
      )
    }
    return inTheWay === undefined ? ok(found) : failed(`${found}; ${inTheWay}`, WRITABLE, 'LEDGER_UNAVAILABLE')
  } catch (error) {
    if (!isFile || !isNoLedger(error) || exists(place)) throw error
    if (inTheWay !== undefined) return failed(inTheWay, WRITABLE, 'LEDGER_UNAVAILABLE')
    return ok(`none yet: the first solve creates ${place}`)
  }
}

async function audit({ context, configuration }: CheckInput): Promise<Finding> {
  const findings: Finding[] = []
  for (const sink of auditOf(configuration.config, configuration.stateDir)) {
    const { kind, place } = sink
    if (kind !== 'jsonl' || place === undefined) {
      findings.push(ok(`${kind}${place === undefined ? '' : ` ${place}`}: not read here`))
      continue
    }
    const inTheWay = obstacle(place, 'folder')
    if (inTheWay !== undefined) {
      findings.push(failed(inTheWay, WRITABLE, 'AUDIT_UNAVAILABLE'))
      continue
    }
    if (!exists(place)) {
      findings.push(ok(`none yet: the first record creates ${place}`))
      continue
    }
    const {
      ok: whole,
      records,
      firstBad,
    } = await verifyAudit(place, {
      heads: await headsOf(context, configuration),
      key: auditKeyOf(configuration.config),
    })
    if (whole) findings.push(ok(`${place}: ${records} records, the chain is whole`))
    else {
      const where = firstBad ? `${firstBad.file}, line ${firstBad.line}: ${firstBad.reason}` : 'it is not whole'
      findings.push(failed(`${place}: ${where}`, 'Find out who wrote there: npx solveguard audit verify'))
    }
  }
  return worst(findings)
}

async function headsOf(context: CheckInput['context'], { config, stateDir }: CheckInput['configuration']) {
  try {
    const reader = await openLedger({ ledger: ledgerOf(config, stateDir), clock: context.clock })
    context.defer(() => reader.close())
    return await reader.heads()
  } catch {
    // The ledger has a check of its own.
    return []
  }
}

const UNREACHABLE = 'SOLVER_UNREACHABLE'

/** What a service's clock shows, by the way out of the policy. No key is sent. */
function timeAt({ signal }: CheckInput['context'], { config }: CheckInput['configuration'], { solver }: CliAccount) {
  const { proxy, localAddress } = config.policy?.egress ?? {}
  return serviceTime(solver.baseUrl, { proxy, localAddress, ca: config.ca, timeoutMs: TIMEOUT_MS, signal })
}

async function clock({ context, configuration }: CheckInput): Promise<Finding> {
  const found: string[] = []
  for (const account of accountsOf(configuration)) {
    const { solver } = account
    const there = await timeAt(context, configuration, account).catch((error: unknown) => new Error(messageOf(error)))
    // The network's line or the service's says what to do.
    if (there instanceof Error) return { state: 'skipped', found: `${solver.name} was not reached: ${there.message}` }
    if (there === undefined) {
      found.push(`${solver.name} sends no time`)
      continue
    }
    const difference = context.clock.now() - there
    const size = formatMs(Math.round(Math.abs(difference) / 1000) * 1000)
    if (Math.abs(difference) > CLOCK_TOLERANCE_MS) {
      const direction = difference > 0 ? 'ahead of' : 'behind'
      return failed(
        `this machine's clock is ${size} ${direction} that of ${solver.name}`,
        'Set the clock (NTP).',
        'CLOCKS_DIFFER',
      )
    }
    found.push(`within ${formatMs(CLOCK_TOLERANCE_MS)} of ${solver.name}`)
  }
  return ok(found.join('; '))
}

async function service({ context, configuration }: CheckInput): Promise<Finding> {
  const findings: Finding[] = []
  for (const account of accountsOf(configuration)) {
    const amount = await readBalance(context, account, transportTo(context, configuration, account))
    const found = `${account.name} answers, balance ${formatUsd(amount)}`
    findings.push(amount <= 0 ? failed(found, 'Top the account up.', 'BALANCE_EMPTY') : ok(found))
  }
  return worst(findings)
}

async function broker({ context, configuration }: CheckInput): Promise<Finding> {
  const { config } = configuration
  try {
    const guard = await openGuard(context, configuration)
    const { day } = await guard.status()
    const trusted = config.brokerCa === undefined ? '' : `, certificate of ${config.brokerCa}`
    return ok(`${config.broker} takes the token${trusted}: ${formatUsd(day.left)} left`)
  } catch (error) {
    if (!(error instanceof SolveguardError) || error.code !== UNREACHABLE) throw error
    const remedy = error.message.includes('its certificate was not accepted')
      ? "Name the file of the broker's authority: brokerCa, or SOLVEGUARD_BROKER_CA."
      : 'Start the broker, or correct its address: broker, or SOLVEGUARD_BROKER.'
    return failed(error.message, remedy, UNREACHABLE)
  }
}

async function browser(): Promise<Finding> {
  const { findBrowser, noBrowser } = await import('../../demo/browser.js')
  const found = await findBrowser()
  // Solving without pages needs none.
  return found ? ok(`${found.path} (${found.source})`) : warning('none', noBrowser())
}

/** The finding that needs most to be done, with all that was found. */
function worst(findings: readonly Finding[]): Finding {
  const rank = (state: Finding['state']) => ['skipped', 'ok', 'warning', 'failed'].indexOf(state)
  const [first = ok('nothing to check'), ...more] = [...findings].sort((a, b) => rank(b.state) - rank(a.state))
  return more.length === 0 ? first : { ...first, found: findings.map(({ found }) => found).join('; ') }
}

/**
 * What keeps this user from writing to a folder, or to a file; undefined if nothing does. Of what is not there yet, the
 * nearest folder above it counts.
 */
function obstacle(path: string, kind: 'folder' | 'file'): string | undefined {
  let at = path
  while (!exists(at) && dirname(at) !== at) at = dirname(at)
  const isFolder = statSync(at).isDirectory()
  if (kind === 'file' && at === path) {
    if (isFolder) return `${at} is a folder, and not a file`
  } else if (!isFolder) return `${at} is not a folder`
  try {
    accessSync(at, constants.W_OK)
    return undefined
  } catch {
    return `${at} is not writable for this user`
  }
}

/** False also where a part of the path is a file. */
function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** What a check threw, as a failed one. */
export function findingOf(error: unknown, remedy: string): Finding {
  const message = withoutSecrets(messageOf(error))
  if (error instanceof Error && 'code' in error && 'docs' in error) {
    const { code } = error as DeniedError
    return failed(message, remedy, code)
  }
  return failed(message, remedy)
}
