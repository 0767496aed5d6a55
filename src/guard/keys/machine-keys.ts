import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { makeFolder } from '../../base/folder.js'

/** Which ledgers each key was used with on this machine. */
export interface MachineKeys {
  /**
   * Notes that a key is used with a ledger. Best effort: what cannot be read or written is left out.
   * @returns another ledger with which the key was used within a day, if this ledger is new to the key
   */
  note(fingerprint: string, ledger: string, now: number): string | undefined
}

const DAY_MS = 86_400_000
/** How often a use that is known is written again. */
const NOTED_EVERY_MS = 3_600_000
const MAX_USES = 200
const MAX_BYTES = 256 * 1024

const usesShape = z.array(z.tuple([z.string().max(64), z.string().max(1000), z.number()])).max(MAX_USES)

/** A key's fingerprint, a ledger's place, and when they were last used together (wall-clock ms). */
type Use = z.output<typeof usesShape>[number]

/** In a small file of the user: fingerprints and places, no key. */
export function machineKeys(file = join(stateHome(), 'solveguard', 'keys.json')): MachineKeys {
  return {
    note(fingerprint, ledger, now) {
      const recent = read(file).filter(([, , at]) => Math.abs(now - at) < DAY_MS)
      const mine = recent.find(([key, place]) => key === fingerprint && place === ledger)
      const other = recent.find(([key, place]) => key === fingerprint && place !== ledger)
      if (mine === undefined || now - mine[2] > NOTED_EVERY_MS) {
        const uses = [...recent.filter((use) => use !== mine), [fingerprint, ledger.slice(0, 1000), now] satisfies Use]
        write(file, uses.slice(-MAX_USES))
      }
      return mine === undefined ? other?.[1] : undefined
    },
  }
}

/** The folder for the state of a user's programs (https://specifications.freedesktop.org/basedir-spec/latest/). */
function stateHome(): string {
  const { XDG_STATE_HOME, LOCALAPPDATA } = process.env
  if (XDG_STATE_HOME) return XDG_STATE_HOME
  return process.platform === 'win32' && LOCALAPPDATA ? LOCALAPPDATA : join(homedir(), '.local', 'state')
}

function read(file: string): readonly Use[] {
  try {
    if (statSync(file).size > MAX_BYTES) return []
    return usesShape.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return []
  }
}

function write(file: string, uses: readonly Use[]): void {
  try {
    makeFolder(dirname(file), 0o700)
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify(uses), { mode: 0o600 })
    // Exchanged whole: another process may be reading it.
    renameSync(draft, file)
  } catch {
    // No reason to deny anything.
  }
}
