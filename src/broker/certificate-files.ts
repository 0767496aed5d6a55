import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../base/clock.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { checkAuthorities, checkCertificate, type FrontTls } from './front.js'

/** How often the files are looked at, in ms; only while clients connect. */
const LOOK_EVERY_MS = 1_000

/** The files of a certificate, both in PEM. */
export interface CertificateFiles {
  /** The certificate, with those between it and its authority. */
  certFile: string
  /** Its key. */
  keyFile: string
}

/** The file of the authorities of clients. */
export interface AuthorityFile {
  /** Certificates, in PEM. */
  caFile: string
}

/**
 * A certificate in files. They are read again when they have changed, so a renewed one needs no restart. What cannot be
 * used, such as a new certificate whose key has not been written yet, leaves the one before in use.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function certificateFiles(
  { certFile, keyFile }: CertificateFiles,
  clock: Pick<Clock, 'monotonic'>,
): FrontTls['certificate'] {
  const read = (): ReturnType<FrontTls['certificate']> => {
    const made = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
    checkCertificate(made)
    return made
  }
  return watched('tls', 'The certificate', [certFile, keyFile], read, clock)
}

/**
 * The authorities of clients, in a file that is read again in the same way.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function authorityFile(
  { caFile }: AuthorityFile,
  clock: Pick<Clock, 'monotonic'>,
): NonNullable<FrontTls['clientCa']> {
  const read = (): string => {
    const ca = readFileSync(caFile, 'utf8')
    checkAuthorities(ca)
    return ca
  }
  return watched('clientCa', 'The authority of clients', [caFile], read, clock)
}

function watched<T>(
  option: string,
  what: string,
  files: readonly string[],
  read: () => T,
  clock: Pick<Clock, 'monotonic'>,
): () => T {
  let used = stampOf(files)
  let current = first()
  /** The state of the files that could not be used, and whether that was reported. */
  let refused: { readonly stamp: string; reported: boolean } | undefined
  let lookedAt = clock.monotonic()
  return () => {
    if (clock.monotonic() - lookedAt < LOOK_EVERY_MS) return current
    lookedAt = clock.monotonic()
    const stamp = stampOf(files)
    if (stamp === used) return current
    try {
      current = read()
      used = stamp
      refused = undefined
    } catch (error) {
      if (refused?.stamp !== stamp) refused = { stamp, reported: false }
      else if (!refused.reported) {
        refused.reported = true
        const message = `${what} in ${files[0]} cannot be used, and the one before is (${messageOf(error)}).`
        process.emitWarning(message, { type: 'SolveguardCertificate' })
      }
    }
    return current
  }

  function first(): T {
    try {
      return read()
    } catch (cause) {
      const message = `startBroker: ${option}: ${files.join(' and ')} cannot be used (${messageOf(cause)}).`
      throw new SolveguardError('CONFIG_INVALID', message, { cause })
    }
  }
}

/** Changes when a file does, also where it is a link that leads elsewhere now. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const { ino, mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? {}
      return `${ino}:${mtimeMs}:${size}`
    })
    .join(' ')
}
