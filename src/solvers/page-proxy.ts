import { isIP } from 'node:net'
import { type AnyChallenge, isPicture } from '../base/challenge.js'
import { canReach } from '../base/public-host.js'
import type { Call } from '../base/wire.js'
import type { PageProxy } from '../policy/page-proxy.js'
import type { PriceKey } from './pricing-options.js'

/** What a service does through a proxy of its customer's. */
export interface ProxySupport {
  /** The families, or variants of one, that it solves through a proxy. */
  readonly families: readonly PriceKey[]
  /** Whether it takes a proxy by its name, and not only by its address. */
  readonly hostnames: boolean
  /** Whether it is told in one text, in which some signs would be read as its seams. */
  readonly inOneString?: boolean
}

/** What ends a user name, and what ends a login, in `user:password@host:port`. */
const SEPARATOR_IN_USER = /[:@/]/
const SEPARATOR_IN_PASSWORD = /[@/]/

/**
 * Why a service cannot solve a challenge through a proxy, as an end of a sentence. A picture is read where it is: nobody has to
 * look at the page, so there is nothing to be done through a proxy.
 */
export function proxyUnsupported(
  through: ProxySupport,
  baseUrl: string,
  challenge: AnyChallenge,
  { host, login }: PageProxy,
): string | undefined {
  if (isPicture(challenge)) return undefined
  const { family, variant } = challenge
  if (!through.families.some((key) => key === family || key === `${family}/${variant}`)) {
    return `solve ${family} (${variant}) through a proxy`
  }
  if (!canReach(baseUrl, host)) return 'reach the proxy in policy.pageProxy, which has an address of a private network'
  if (!through.hostnames && isIP(host) === 0) {
    return 'take a proxy by its name: give policy.pageProxy with an IP address'
  }
  if (
    through.inOneString &&
    login &&
    (SEPARATOR_IN_USER.test(login.user) || SEPARATOR_IN_PASSWORD.test(login.password))
  ) {
    return 'take the login in policy.pageProxy: a user name with : @ or /, or a password with @ or /, cannot be told to it'
  }
  return undefined
}

type Fields = Record<string, unknown>

/** A task of the task family; to be solved through a proxy, if there is one: of another type, and with five more fields. */
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

/** The same in the form family's two fields. */
export function formWithProxy(fields: Fields, challenge: AnyChallenge, proxy: PageProxy | undefined): Fields {
  if (!proxy || isPicture(challenge)) return fields
  const { type, host, port, login } = proxy
  const who = login ? `${login.user}:${login.password}@` : ''
  const where = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return { ...fields, proxy: who + where, proxytype: type.toUpperCase() }
}

/** What of a call with such a proxy in it must not be shown. */
export function hiddenFieldsOf(proxy: PageProxy | undefined): Pick<Call, 'sensitive'> {
  const sensitive = proxySecrets(proxy)
  return sensitive.length > 0 ? { sensitive } : {}
}

const NO_SECRETS: readonly string[] = []

/** What of such a proxy must not be shown wherever a service may repeat it. */
export function proxySecrets(proxy: PageProxy | undefined): readonly string[] {
  const password = proxy?.login?.password
  return password ? [password] : NO_SECRETS
}
