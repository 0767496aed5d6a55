import { isIP } from 'node:net'
import { type AnyChallenge, isPicture } from '../base/challenge.js'
import { canReach } from '../base/public-host.js'
import type { Call } from '../base/wire.js'
import type { PageProxy } from '../policy/page-proxy.js'
import type { PriceKey } from './pricing-options.js'

/** What a service solves through a proxy of its customer. */
export interface ProxySupport {
  /** The families, or variants of one, that it solves through a proxy. */
  readonly families: readonly PriceKey[]
  /**
   * The families that it solves only through a proxy.
   * @default none
   */
  readonly required?: readonly PriceKey[]
  /** Whether it takes a proxy by its host name, and not only by its IP address. */
  readonly hostnames: boolean
  /** Whether it takes `user:password@host:port` in one string, in which some characters separate the parts. */
  readonly inOneString?: boolean
}

/** The characters that end a user name, and those that end a password, in `user:password@host:port`. */
const SEPARATOR_IN_USER = /[:@/]/
const SEPARATOR_IN_PASSWORD = /[@/]/

/**
 * Why a service cannot solve a challenge through a proxy, or without one, as the end of a sentence; undefined if it
 * can. A picture is in the request: the service need not open the page, so a proxy changes nothing.
 */
export function proxyUnsupported(
  through: ProxySupport,
  baseUrl: string,
  challenge: AnyChallenge,
  proxy: PageProxy | undefined,
): string | undefined {
  if (isPicture(challenge)) return undefined
  const { family, variant } = challenge
  if (!proxy) {
    const isMissing = through.required?.includes(family)
    return isMissing ? `solve ${family} without a proxy: set policy.pageProxy to the browser's` : undefined
  }
  const { host, login } = proxy
  if (!through.families.some((key) => key === family || key === `${family}/${variant}`)) {
    return `solve ${family} (${variant}) through a proxy`
  }
  if (!canReach(baseUrl, host)) return 'reach the proxy in policy.pageProxy, which has an address of a private network'
  if (!through.hostnames && isIP(host) === 0) {
    return 'take a proxy by its host name: give policy.pageProxy with an IP address'
  }
  if (
    through.inOneString &&
    login &&
    (SEPARATOR_IN_USER.test(login.user) || SEPARATOR_IN_PASSWORD.test(login.password))
  ) {
    return 'take the login in policy.pageProxy: its API cannot express : @ / in a user name, or @ / in a password'
  }
  return undefined
}

type Fields = Record<string, unknown>

/** A task of the task family. With a proxy it has another type and up to five more fields. */
export function taskWithProxy(task: Fields, challenge: AnyChallenge, proxy: PageProxy | undefined): Fields {
  if (!proxy || isPicture(challenge)) return task
  const { type, host, port, login } = proxy
  return {
    ...task,
    type: String(task.type).replace(/Proxyless$/i, ''),
    proxyType: type,
    proxyAddress: host,
    proxyPort: port,
    ...(login && { proxyLogin: login.user, proxyPassword: login.password }),
  }
}

/** A request of the form family. With a proxy it has two more fields. */
export function formWithProxy(fields: Fields, challenge: AnyChallenge, proxy: PageProxy | undefined): Fields {
  if (!proxy || isPicture(challenge)) return fields
  const { type, host, port, login } = proxy
  const credentials = login ? `${login.user}:${login.password}@` : ''
  const address = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return { ...fields, proxy: credentials + address, proxytype: type.toUpperCase() }
}

/** The part of a call that hides the proxy's secrets. */
export function sensitiveFieldsOf(proxy: PageProxy | undefined): Pick<Call, 'sensitive'> {
  const sensitive = proxySecrets(proxy)
  return sensitive.length > 0 ? { sensitive } : {}
}

const NO_SECRETS: readonly string[] = []

/** The secrets of a proxy, which must be hidden where a service may repeat them. */
export function proxySecrets(proxy: PageProxy | undefined): readonly string[] {
  const password = proxy?.login?.password
  return password ? [password] : NO_SECRETS
}
