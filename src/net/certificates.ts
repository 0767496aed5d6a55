import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'

// X.509 in DER, as RFC 5280 has it: Node reads certificates and makes none. All of it is synchronous, as `tls.connect`
// is, where a certificate has to be there at once.

/** A certificate with its key, both in PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** What an authority is made with. */
export interface AuthorityOptions {
  /** Its name, as trust stores show it. */
  readonly name: string
  /**
   * Host names and IP addresses, which are all that it can certify. A host name stands for all names below it too, as
   * in every name constraint (RFC 5280, 4.2.1.10).
   */
  readonly permitted: readonly string[]
  readonly days: number
  /** @default the machine's clock */
  readonly now?: number | undefined
}

/** A certificate authority with name constraints. */
export class Authority {
  /** In PEM: what clients trust. */
  readonly cert: string
  readonly #key: KeyObject
  readonly #subject: Buffer

  /** @param made an authority that was stored */
  constructor(made: Certificate) {
    this.cert = made.cert
    this.#key = createPrivateKey(made.key)
    this.#subject = subjectOf(new X509Certificate(made.cert).raw)
  }

  static create({ name, permitted, days, now = Date.now() }: AuthorityOptions): Certificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const subject = commonName(name)
    const cert = certificate({
      subject,
      publicKey,
      issuer: subject,
      issuerKey: privateKey,
      from: now - SKEW_MS,
      until: now + days * DAY_MS,
      extensions: [
        critical('551d13', sequence(TRUE, integer(0))), // basicConstraints: an authority, with none below it
        critical('551d0f', bitString(1, Buffer.from([0x06]))), // keyUsage: keyCertSign, cRLSign
        critical('551d1e', nameConstraints(permitted)),
        extension('551d25', sequence(SERVER_AUTH)), // extKeyUsage: for servers only
        extension('551d0e', der(0x04, keyId(publicKey))), // subjectKeyIdentifier
      ],
    })
    return { cert: pem(cert), key: keyText(privateKey) }
  }

  /**
   * A certificate for a server.
   * @param names host names and IP addresses
   */
  issue(names: readonly string[], days: number, now = Date.now()): Certificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const cert = certificate({
      subject: sequence(),
      publicKey,
      issuer: this.#subject,
      issuerKey: this.#key,
      from: now - SKEW_MS,
      until: now + days * DAY_MS,
      extensions: [
        critical('551d13', sequence()), // basicConstraints: no authority
        critical('551d0f', bitString(7, Buffer.from([0x80]))), // keyUsage: digitalSignature
        extension('551d25', sequence(SERVER_AUTH)),
        extension('551d23', sequence(der(0x80, keyId(createPublicKey(this.#key))))), // authorityKeyIdentifier
        extension('551d0e', der(0x04, keyId(publicKey))),
        // Without a subject the names are critical.
        critical('551d11', sequence(...names.map(generalName))),
      ],
    })
    return { cert: pem(cert), key: keyText(privateKey) }
  }
}

const DAY_MS = 86_400_000
/** A client whose clock is behind still accepts a new certificate. */
const SKEW_MS = 3_600_000

interface Contents {
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
  readonly issuer: Buffer
  readonly issuerKey: KeyObject
  readonly from: number
  readonly until: number
}

function certificate({ subject, publicKey, extensions, issuer, issuerKey, from, until }: Contents): Buffer {
  const body = sequence(
    der(0xa0, integer(2)), // version 3
    der(0x02, randomBytes(16).fill(0x4c, 0, 1)), // positive, 120 random bits
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(from), time(until)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  return sequence(body, ECDSA_WITH_SHA256, bitString(0, sign('sha256', body, issuerKey)))
}

/**
 * Names and addresses that may be certified, and no others. A kind of name that the list does not have would be allowed
 * in full, so addresses are excluded where it has none.
 */
function nameConstraints(permitted: readonly string[]): Buffer {
  const trees = permitted.map((name) => sequence(isIP(name) ? der(0x87, addressBytes(name), mask(name)) : dns(name)))
  const hasAddress = permitted.some((name) => isIP(name))
  const all = [4, 16].map((bytes) => sequence(der(0x87, Buffer.alloc(bytes * 2))))
  return sequence(der(0xa0, ...trees), ...(hasAddress ? [] : [der(0xa1, ...all)]))
}

const mask = (address: string) => Buffer.alloc(isIP(address) === 4 ? 4 : 16, 0xff)
const dns = (name: string) => der(0x82, Buffer.from(name, 'ascii'))
const generalName = (name: string) => (isIP(name) ? der(0x87, addressBytes(name)) : dns(name))

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // The URL parser writes any form of an IPv6 address without its dotted part.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const first = groups(head)
  const last = groups(tail ?? '')
  const zeros = Array<string>(8 - first.length - last.length).fill('0')
  return Buffer.from([...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join(''), 'hex')
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
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const SERVER_AUTH = oid('2b06010505070301')

const commonName = (text: string) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))))
const extension = (id: string, value: Buffer) => sequence(oid(id), der(0x04, value))
const critical = (id: string, value: Buffer) => sequence(oid(id), TRUE, der(0x04, value))

/** Until 2049 as UTCTime with two digits of the year, then as GeneralizedTime (RFC 5280, 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return digits < '2050' ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}

/** SHA-1 of the public key's bits: an identifier, which protects nothing (RFC 5280, 4.2.1.2). */
function keyId(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  return createHash('sha1').update(point).digest()
}

/** The subject's bytes as they are in a certificate of ours, which its issuer has to repeat exactly. */
function subjectOf(raw: Buffer): Buffer {
  const [body] = items(raw)
  // version, serial, algorithm, issuer, validity, subject
  const subject = body && items(body)[5]
  if (!subject) throw new Error('This is not a certificate of version 3.')
  return subject
}

/** The values within a value of DER. */
function items(value: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = sizeOf(value).start; at < value.length; ) {
    const { start, length } = sizeOf(value.subarray(at))
    found.push(value.subarray(at, at + start + length))
    at += start + length
  }
  return found
}

function sizeOf(value: Buffer): { start: number; length: number } {
  const first = value[1] ?? 0
  if (first < 0x80) return { start: 2, length: first }
  const bytes = first & 0x7f
  if (bytes < 1 || bytes > 4 || value.length < 2 + bytes) throw new Error('This is not DER.')
  return { start: 2 + bytes, length: value.readUIntBE(2, bytes) }
}

const keyText = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

const pem = (bytes: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`
