import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../base/clock.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { checkCertificate, type FrontTls } from './front.js'

/** How often the files are looked at, in ms; only while clients connect. */
const LOOK_EVERY_MS = 1_000

/** The files of a certificate, both in PEM. */
export interface CertificateFiles {
  /** The certificate, with those between it and its authority. */
  certFile: string
  /** Its key. */
  keyFile: string
}

/**
 * A certificate in files. They are read again when they have changed, so a renewed one needs no restart. What cannot be
 * used, such as a new certificate whose key has not been written yet, leaves the one before in use.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function certificateFiles(files: CertificateFiles, clock: Pick<Clock, 'monotonic'>): FrontTls['certificate'] {
  let current = firstOf(files)
  let used = stampOf(files)
  /** The state of the files that could not be used, and whether that was said. */
  let refused: { readonly stamp: string; reported: boolean } | undefined
  let lookedAt = clock.monotonic()
  return () => {
    if (clock.monotonic() - lookedAt < LOOK_EVERY_MS) return current
    lookedAt = clock.monotonic()
    const stamp = stampOf(files)
    if (stamp === used) return current
    try {
      current = read(files)
      used = stamp
      refused = undefined
    } catch (error) {
      if (refused?.stamp !== stamp) refused = { stamp, reported: false }
      else if (!refused.reported) {
        refused.reported = true
        const why = messageOf(error)
        const message = `The certificate in ${files.certFile} cannot be used, and the one before is (${why}).`
        process.emitWarning(message, { type: 'SolveguardCertificate' })
      }
    }
    return current
  }
}

function firstOf(files: CertificateFiles): ReturnType<FrontTls['certificate']> {
  try {
    return read(files)
  } catch (cause) {
    const message = `startBroker: tls: ${files.certFile} and ${files.keyFile} cannot be used (${messageOf(cause)}).`
    throw new SolveguardError('CONFIG_INVALID', message, { cause })
  }
}

function read({ certFile, keyFile }: CertificateFiles): ReturnType<FrontTls['certificate']> {
  const made = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  checkCertificate(made)
  return made
}

/** Changes when a file does, also where it is a link that leads elsewhere now. */
function stampOf({ certFile, keyFile }: CertificateFiles): string {
  return [certFile, keyFile]
    .map((file) => {
      const { ino, mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? {}
      return `${ino}:${mtimeMs}:${size}`
    })
    .join(' ')
}
