import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A certificate authority, which signs certificates for names on request. */
export interface Authority {
  /** Its own certificate. */
  readonly cert: string
  sign(...names: string[]): Certificate
}

/** A self-signed certificate for these names (host names and IPv4 addresses), valid for two days. */
export function makeCertificate(...names: string[]): Certificate {
  const { publicKey, privateKey } = keyPair()
  const extensions = [basicConstraints(true), subjectAltName(names)]
  const subject = newName()
  const cert = pem(certificate({ subject, publicKey, extensions, issuer: subject, issuerKey: privateKey }))
  return { cert, key: keyText(privateKey) }
}

/** An authority that no client trusts by default. */
export function makeAuthority(): Authority {
  const own = keyPair()
  const issuer = newName()
  const signed = { issuer, issuerKey: own.privateKey }
  const extensions = [basicConstraints(true), KEY_CERT_SIGN]
  return {
    cert: pem(certificate({ subject: issuer, publicKey: own.publicKey, extensions, ...signed })),
    sign(...names) {
      const { publicKey, privateKey } = keyPair()
      const extensions = [basicConstraints(false), subjectAltName(names)]
      const cert = pem(certificate({ subject: newName(), publicKey, extensions, ...signed }))
      return { cert, key: keyText(privateKey) }
    },
  }
}

/** Unique: OpenSSL finds an issuer among the trusted certificates by its name. */
const newName = () => `solveguard test ${randomBytes(8).toString('hex')}`
const DAY_MS = 86_400_000

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const keyText = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

// The rest of this file writes X.509 (RFC 5280) in DER: Node reads certificates, but creates none.

interface Contents {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
  readonly issuer: string
  readonly issuerKey: KeyObject
}

function certificate({ subject, publicKey, extensions, issuer, issuerKey }: Contents): Buffer {
  const body = sequence(
    der(0xa0, integer(2)), // version 3
    integer(...randomBytes(8).fill(1, 0, 1)),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(time(Date.now() - DAY_MS), time(Date.now() + 2 * DAY_MS)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  return sequence(body, ECDSA_WITH_SHA256, bitString(0, sign('sha256', body, issuerKey)))
}

/** One DER value: its tag, the length of its contents, its contents. */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...items: Buffer[]) => der(0x30, ...items)
const integer = (...bytes: number[]) => der(0x02, Buffer.from(bytes))
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const bitString = (unused: number, bits: Buffer) => der(0x03, Buffer.from([unused]), bits)
const TRUE = der(0x01, Buffer.from([0xff]))

/** A GeneralizedTime of whole seconds. */
const time = (ms: number) => der(0x18, Buffer.from(new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')))
const commonName = (text: string) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))))
const critical = (id: string, value: Buffer) => sequence(oid(id), TRUE, der(0x04, value))
const basicConstraints = (ca: boolean) => critical('551d13', sequence(...(ca ? [TRUE] : [])))

function subjectAltName(names: readonly string[]): Buffer {
  const general = names.map((name) =>
    /^[\d.]+$/.test(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name)),
  )
  return sequence(oid('551d11'), der(0x04, sequence(...general)))
}

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const KEY_CERT_SIGN = critical('551d0f', bitString(2, Buffer.from([0x04])))

const pem = (bytes: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`
