import { isIPv4 } from 'node:net'
import { getDomain, getPublicSuffix } from 'tldts'
import { printable } from '../base/errors.js'

/**
 * Which pages a policy names. A pattern is `https://host`, `https://host:port` (exact) or `https://*.host` (every host
 * below `host`, at any depth, but not `host` itself); the same with `http:`. There is no pattern for all hosts: a
 * wildcard below a public suffix (`https://*.com`, `https://*.github.io`) is rejected, and a wildcard above a public
 * suffix does not reach below it (`https://*.amazonaws.com` does not name `https://another-owner.s3.amazonaws.com`).
 */
export type OriginPattern = string

const MAX_URL_LENGTH = 2_048

/** A page's origin, taken from its address, or why it has none. */
export type OriginOf =
  | {
      readonly ok: true
      readonly origin: string
      /** The address for records: origin and path, without user name, query and fragment. */
      readonly record: string
      /** The address for the solver: without user name, password and fragment. */
      readonly solverUrl: string
    }
  | { readonly ok: false; readonly reason: string; readonly record: string }

/**
 * The origin of a page's address, in the canonical form that patterns are compared with: lower case, IDN as punycode,
 * without the scheme's default port. Only `http:` and `https:` pages have one. `blob:` and `about:` pages inherit
 * another page's origin, but their content did not come from that origin's server, so they do not count.
 */
export function originOf(address: string): OriginOf {
  const known = recent.get(address)
  if (known) return known
  const parsed = parseOrigin(address)
  if (address.length > MAX_URL_LENGTH) return parsed
  if (recent.size >= MAX_RECENT) recent.clear()
  recent.set(address, parsed)
  return parsed
}

/** Test suites use the same few pages again and again, and parsing an address costs more than the rest of the check. */
const recent = new Map<string, OriginOf>()
const MAX_RECENT = 200

function parseOrigin(address: string): OriginOf {
  // Of an opaque address only the scheme may be recorded: the rest may be the page itself (data:).
  const scheme = /^[a-z][a-z0-9+.-]{0,30}:/i.exec(address)?.[0] ?? '?'
  if (address.length > MAX_URL_LENGTH) {
    return { ok: false, reason: `an address of more than ${MAX_URL_LENGTH} characters`, record: scheme }
  }
  const url = parseUrl(address)
  if (!url) return { ok: false, reason: `not an address: ${printable(address, 60)}`, record: scheme }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return {
      ok: false,
      reason: `an address that begins with ${url.protocol} has no web origin of its own`,
      record: scheme,
    }
  }
  const record = printable(url.origin + url.pathname, 500)
  return { ok: true, origin: url.origin, record, solverUrl: url.origin + url.pathname + url.search }
}

/**
 * Brings a pattern into its canonical form.
 * @returns the pattern, or a sentence that names the problem
 */
export function parseOriginPattern(text: string): { pattern: OriginPattern } | { problem: string } {
  if (text.length > MAX_URL_LENGTH) return { problem: `an origin is at most ${MAX_URL_LENGTH} characters long` }
  const match = /^(https?):\/\/(\*\.)?([^/?#@*\\\s]+)\/?$/i.exec(text)
  if (!match) {
    return { problem: `expected an origin such as 'https://staging.example.com' or 'https://*.qa.example.com'` }
  }
  const [, scheme, wildcard = '', host] = match
  const url = parseUrl(`${scheme}://${host}`)
  if (url?.pathname !== '/') return { problem: `'${printable(text, 80)}' is not an origin` }
  // '%2a' and the full-width star become '*' only when the URL is parsed.
  if (url.hostname.includes('*')) return { problem: `a wildcard is '*.' at the start of the host, once` }
  if (url.hostname.endsWith('.')) return { problem: `write the host without a dot at its end` }
  if (wildcard) {
    // An IP address has no hosts below it; a public suffix has the hosts of many owners.
    if (isAddress(url.hostname)) return { problem: 'a wildcard needs a host name, not an address' }
    if (
      !url.hostname.includes('.') ||
      getPublicSuffix(url.hostname, { allowPrivateDomains: true }) === url.hostname ||
      getDomain(url.hostname) === null
    ) {
      return { problem: `'*.${url.hostname}' would name sites of other owners; name a domain of your own` }
    }
  }
  return { pattern: `${url.protocol}//${wildcard}${url.host}` }
}

/** Whether the pattern names an origin, which must be in canonical form. */
export function matchesOrigin(pattern: OriginPattern, origin: string): boolean {
  const star = pattern.indexOf('*.')
  return star < 0 ? pattern === origin : isBelow(pattern, star, origin)
}

/**
 * The source of a regular expression for the origins that these patterns name. It also matches those below an inner
 * public suffix, which `matchesOrigin` leaves out.
 */
export function originsSource(patterns: readonly OriginPattern[]): string {
  const sources = patterns.map((pattern) => pattern.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace('\\*', '[^/:]+'))
  return `^(?:${sources.join('|')})$`
}

/** Whether an origin is below the host of a wildcard, whose star is at the index `star`. */
function isBelow(pattern: OriginPattern, star: number, origin: string): boolean {
  const scheme = pattern.slice(0, star)
  // '.host' or '.host:port': the dot excludes 'evil-host', and the port is compared too.
  const suffix = pattern.slice(star + 1)
  return (
    origin.startsWith(scheme) &&
    origin.endsWith(suffix) &&
    // The label between the scheme and the suffix must not be empty ('https://.host').
    origin[scheme.length] !== '.' &&
    !isBelowInnerSuffix(new URL(origin).hostname, suffix)
  )
}

/** Whether a host is below a public suffix that is itself below the wildcard's host: it has another owner. */
function isBelowInnerSuffix(hostname: string, suffix: string): boolean {
  const inner = getPublicSuffix(hostname, { allowPrivateDomains: true })
  return inner !== null && `.${inner}`.endsWith(suffix.replace(/:\d+$/, ''))
}

/** The patterns for exactly the origins that both lists name, in canonical order. */
export function intersectOrigins(a: readonly OriginPattern[], b: readonly OriginPattern[]): readonly OriginPattern[] {
  const common: OriginPattern[] = []
  for (const one of a) {
    for (const other of b) {
      if (covers(one, other)) common.push(other)
      else if (covers(other, one)) common.push(one)
    }
  }
  return canonicalOrigins(common)
}

/** Sorted, without patterns that another pattern of the list covers. */
export function canonicalOrigins(patterns: readonly OriginPattern[]): readonly OriginPattern[] {
  const unique = [...new Set(patterns)].sort()
  return unique.filter((one) => !unique.some((other) => other !== one && covers(other, one)))
}

/** Whether `wide` names every origin that `narrow` names. */
function covers(wide: OriginPattern, narrow: OriginPattern): boolean {
  if (wide === narrow) return true
  const star = wide.indexOf('*.')
  if (star < 0) return false
  const host = narrow.replace('*.', '')
  return matchesOrigin(wide, host)
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || isIPv4(hostname)
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
