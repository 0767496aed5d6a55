import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { SolveguardError } from '../base/errors.js'
import { isPublicHost } from '../base/public-host.js'

/** Looks a name up. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** Which addresses a broker connects to for clients. */
export interface AddressRules {
  /**
   * The addresses to connect to, looked up once: what was checked is what is connected to.
   * @returns those that are public, or that the operator has named
   */
  addressesOf(host: string): Promise<readonly string[]>
}

/**
 * Rules by which a client reaches no address of the broker's own network, unless the operator has named it.
 * @param option the name of the option, for the message
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function addressRules(privateAddresses: readonly string[], option: string, resolve: Resolve): AddressRules {
  const named = blockListOf(privateAddresses, option)
  return {
    async addressesOf(host) {
      const found = isIP(host) ? [host] : await resolve(host).catch(() => [])
      return found.filter((address) => isReachable(address) || named.check(...withFamily(address)))
    },
  }
}

function blockListOf(ranges: readonly string[], option: string): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    try {
      if (bits === undefined) list.addAddress(address, family)
      else list.addSubnet(address, Number(bits), family)
    } catch {
      const sentence = `startBroker: ${option}: expected an address or a network, not ${range}.`
      throw new SolveguardError('CONFIG_INVALID', sentence)
    }
  }
  return list
}

/** Names of networks that fastify knows. */
const NAMED_NETWORKS = /^(?:loopback|linklocal|uniquelocal)$/

/** Whether a text is what fastify takes for a proxy that is trusted: an address, a network, or the name of one. */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  if (version === 0) return NAMED_NETWORKS.test(text)
  return bits === undefined || (Number(bits) >= 1 && Number(bits) <= (version === 6 ? 128 : 32))
}

const withFamily = (address: string) => [address, isIP(address) === 6 ? 'ipv6' : 'ipv4'] as const

/** Networks that translate to IPv4 addresses, which may be private, and those for tests and special use. */
const SPECIAL = blockListOf(
  [
    // Of a cloud's own: the host of each virtual machine at Azure answers there.
    '168.63.129.16/32',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '::/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '2002::/16',
    '2001::/23',
    'fec0::/10',
  ],
  'SPECIAL',
)

function isReachable(address: string): boolean {
  const isMapped = isIP(address) === 6 && /^(?:0*:)*:?(?:0*:)?ffff:/i.test(address)
  return !isMapped && isPublicHost(address) && !SPECIAL.check(...withFamily(address))
}

/** How Node looks a name up that was looked up already: it tries the addresses in turn, of either family. */
export function lookupOf(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  const [first] = all
  return (_, options, found) => (options.all ? found(null, all) : found(null, first?.address ?? '', first?.family))
}

/** Looks a name up by the machine's own means. */
export async function resolveAll(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
