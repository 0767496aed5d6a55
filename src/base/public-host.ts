import { BlockList, isIP } from 'node:net'

/** Networks whose addresses are another machine, or none, elsewhere (https://www.rfc-editor.org/rfc/rfc6890). */
const NON_PUBLIC = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  NON_PUBLIC.addSubnet(network, bits, 'ipv4')
}
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  NON_PUBLIC.addSubnet(network, bits, 'ipv6')
}

/** Names that only a local network resolves (RFC 6761, 6762, 8375; `.internal`, which ICANN reserves for that). */
const LOCAL_NAME = /(?:^|\.)(?:localhost|local|internal|lan|home\.arpa|test)$/i

/**
 * Whether a host is the same machine everywhere: a public IP address, or a name that may have one. No name is resolved.
 *
 * @param host a name or an address; IPv6 with brackets or without
 */
export function isPublicHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  const version = isIP(bare)
  if (version !== 0) return !NON_PUBLIC.check(bare, version === 6 ? 'ipv6' : 'ipv4')
  return bare.includes('.') && !LOCAL_NAME.test(bare)
}

/** Whether a service at `url` may reach a host. A service inside a private network may reach its private hosts. */
export function canReach(url: string, host: string): boolean {
  return isPublicHost(host) || !isPublicHost(new URL(url).hostname)
}
