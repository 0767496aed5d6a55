import { spentInAudit } from '../../audit/spent.js'
import { formatUsd, micros } from '../../policy/money.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { MachineKeys } from './machine-keys.js'

/** What is known of this machine. Absent where no account can spend money: its service is a stand-in on loopback. */
export interface Machine {
  readonly keys: MachineKeys
  /** Whether this is a CI job, which begins with the files of its image. */
  readonly isCi: boolean
}

/** What the checks need from the guard. */
export interface WhichLedgerDeps extends GuardContext, Pick<Notifier, 'alert'> {
  readonly machine: Machine | undefined
}

/** Raises an alert where the ledger is probably not the one that knows what was spent. */
export async function checkWhichLedger(deps: WhichLedgerDeps, auditFolder: string | undefined): Promise<void> {
  const { ledger, machine } = deps
  const { kind, place = kind } = ledger
  if (machine?.isCi && ledger.isNew) {
    deps.alert(
      'LEDGER_NEW_IN_CI',
      `This CI job began a new ledger, ${place}, which knows of nothing that other jobs have spent: every job has the ` +
        'whole budget. Use redisLedger({ url }), or a `stateDir` that jobs keep and share.',
      { place },
    )
  }
  if (auditFolder !== undefined && kind !== 'memory') await compareWithAudit(deps, auditFolder)
}

async function compareWithAudit(deps: WhichLedgerDeps, auditFolder: string): Promise<void> {
  const { ledger, clock, name } = deps
  const today = new Date(clock.now()).toISOString().slice(0, 10)
  // The log first: a solve that ends meanwhile is in both, or in the ledger alone.
  const audited = micros(await spentInAudit(auditFolder, name, today).catch(() => 0))
  if (audited === 0) return
  const { spent, reserved } = await ledger.usage(name, clock.now())
  const known = micros(spent + reserved)
  if (audited <= known) return
  deps.alert(
    'LEDGER_BEHIND_AUDIT',
    `By today's audit log ${auditFolder} this guard has spent ${formatUsd(audited)}, and its ledger ` +
      `${ledger.place ?? ledger.kind} knows of ${formatUsd(known)}: was the ledger replaced, or rolled back? ` +
      'What it does not know can be spent again today.',
    { audited, known },
    { once: true },
  )
}

/** Raises an alert where the key is also used with another ledger on this machine. */
export function checkKeyHasOneLedger(deps: WhichLedgerDeps, fingerprint: string): void {
  const { ledger, machine, clock } = deps
  if (ledger.place === undefined) return
  const other = machine?.keys.note(fingerprint, ledger.place, clock.now())
  if (other === undefined) return
  deps.alert(
    'KEY_IN_TWO_LEDGERS',
    `The key with the fingerprint ${fingerprint} is used with two ledgers on this machine, each with a budget of its ` +
      `own: ${ledger.place}, and ${other}. Give their guards the same \`stateDir\` (or SOLVEGUARD_STATE_DIR).`,
    { fingerprint, place: ledger.place, other },
  )
}
