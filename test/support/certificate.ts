import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A certificate authority, and certificates that it signs for names as they are asked for. */
export interface Authority {
  /** Its own certificate. */
  readonly cert: string
  sign(...names: string[]): Certificate
}

/** A self-signed certificate for these names, made on the spot and thrown away. */
export function makeCertificate(...names: string[]): Certificate {
  return inFolder((folder) => make(folder, names, []))
}

/** An authority that nobody knows, made on the spot. */
export function makeAuthority(): Authority {
  const own = inFolder((folder) => make(folder, [], ['-addext', 'keyUsage=critical,keyCertSign']))
  return {
    cert: own.cert,
    sign: (...names) =>
      inFolder((folder) => {
        const [ca, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca-key.pem')]
        writeFileSync(ca, own.cert)
        writeFileSync(caKey, own.key)
        return make(folder, names, ['-CA', ca, '-CAkey', caKey, '-addext', 'basicConstraints=CA:FALSE'])
      }),
  }
}

function make(folder: string, names: readonly string[], more: readonly string[]): Certificate {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2'],
      ...['-subj', `/CN=solveguard test${names.length > 0 ? '' : ' authority'}`, '-keyout', key, '-out', cert],
      ...(names.length > 0 ? ['-addext', `subjectAltName=${alternatives}`] : []),
      ...more,
    ],
    { stdio: 'pipe' },
  )
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-tls-'))
  try {
    return work(folder)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw missing ? new Error('These tests need openssl: install it with `apt-get install openssl`.') : error
  } finally {
    rmSync(folder, { recursive: true })
  }
}
