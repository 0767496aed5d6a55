import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'
import { makeFolder } from '../base/folder.js'
import { Authority } from '../net/certificates.js'
import { SERVICE_HOSTS } from '../wires/services.js'

/** The authority's key and certificate in one file, so that they are there together or not at all. */
const KEY_FILE = 'broker-ca.key'
/** The file that clients trust. */
const CA_FILE = 'broker-ca.pem'
const CA_DAYS = 3650
/** The longest that Apple's clients accept (https://support.apple.com/en-us/103769). */
const SERVER_DAYS = 397
/** After this time another certificate is issued. */
const RENEW_MS = 30 * 86_400_000

/** Certificates of an authority that is kept in a folder. */
export interface PrivateCa {
  /** The file to trust. */
  readonly caFile: string
  /** The server's certificate, which is issued anew from time to time. */
  certificate(): { readonly cert: string; readonly key: string }
}

/**
 * The authority in a folder, made by the first broker that needs it. Its critical name constraints permit the services'
 * hosts and `names`: where its key leaks, nothing else can be forged with it.
 *
 * @param names the broker's own names and addresses
 * @throws SolveguardError `BROKER_UNSAFE`, `CONFIG_INVALID`
 */
export function privateCa(folder: string, names: readonly string[], now: () => number = Date.now): PrivateCa {
  const all = [...new Set([...Object.keys(SERVICE_HOSTS), ...names])]
  const caFile = join(folder, CA_FILE)
  const stored = load(join(folder, KEY_FILE), folder, all)
  const authority = new Authority(stored)
  const missing = all.filter((name) => !stored.permitted.includes(name))
  if (missing.length > 0) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `startBroker: the authority in ${folder} does not permit ${missing.join(', ')}: remove ${KEY_FILE} and ${CA_FILE} ` +
        'there to have another one made, which clients then have to trust.',
    )
  }
  writeWhole(caFile, authority.cert, 0o644, true)
  let issued = authority.issue(all, SERVER_DAYS, now())
  let issuedAt = now()
  return {
    caFile,
    certificate() {
      if (now() - issuedAt > RENEW_MS) {
        issued = authority.issue(all, SERVER_DAYS, now())
        issuedAt = now()
      }
      return issued
    },
  }
}

interface StoredCa {
  readonly cert: string
  readonly key: string
  readonly permitted: readonly string[]
}

function load(path: string, folder: string, permitted: readonly string[]): StoredCa {
  try {
    makeFolder(folder, 0o700)
    const exists = statSync(path, { throwIfNoEntry: false })
    if (!exists) {
      const name = `solveguard broker ${randomBytes(4).toString('hex')}`
      const made = Authority.create({ name, permitted, days: CA_DAYS })
      writeWhole(path, JSON.stringify({ ...made, permitted }, null, 1), 0o600, false)
    }
    const { mode } = statSync(path)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new SolveguardError('BROKER_UNSAFE', `Other users can read ${path}: chmod 600 ${path}`)
    }
    return parsed(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SolveguardError) throw error
    throw new SolveguardError(
      'CONFIG_INVALID',
      `startBroker: the authority in ${path} cannot be read or written (${messageOf(error)}).`,
      { cause: error },
    )
  }
}

function parsed(text: string): StoredCa {
  const { cert, key, permitted } = JSON.parse(text) as Partial<StoredCa>
  if (!cert || !key || !Array.isArray(permitted)) throw new Error('it is not complete')
  if (!new X509Certificate(cert).publicKey.equals(createPublicKey(key))) throw new Error('its key is another one')
  return { cert, key, permitted }
}

/** Writes a file that is there as a whole or not at all. */
function writeWhole(path: string, text: string, mode: number, overwrite: boolean): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = openSync(draft, 'wx', mode)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (overwrite) renameSync(draft, path)
    else linkSync(draft, path)
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
}
