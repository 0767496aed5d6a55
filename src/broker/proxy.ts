import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { SolveguardError } from '../base/errors.js'
import { type AnsweredConnect, hostWithoutKeys } from './access-log.js'
import { type Authenticate, MAX_CREDENTIAL_LENGTH } from './auth.js'
import { serviceOfHost } from './dialects.js'
import type { Tunnels } from './front.js'
import { type AddressRules, addressRules, lookupOf, type Resolve, resolveAll } from './reach.js'
import { credentialIn } from './read-request.js'

const CONNECT_MS = 10_000
const IDLE_MS = 120_000

/** Options of the forward proxy. */
export interface ProxyOptions {
  /**
   * Other hosts to which tunnels are opened, for clients whose whole traffic goes through the proxy: `pypi.org`,
   * `*.example.com` (names below it), `example.com:8443`; the port is 443 by default. `*` is every host, `*:*` every
   * port of it. A tunnel needs a token that is good.
   *
   * @default none
   */
  allow?: readonly string[] | undefined
  /**
   * Addresses and networks of the broker's own network that tunnels may reach: `10.1.2.3`, `10.1.0.0/16`.
   *
   * @default none
   */
  privateAddresses?: readonly string[] | undefined
}

/** Where a CONNECT leads. */
type Route =
  | { readonly kind: 'here'; readonly host: string }
  | { readonly kind: 'tunnel'; readonly host: string; readonly port: number; readonly named: boolean }
  | { readonly kind: 'refused'; readonly sentence: string; readonly host?: string }

/** The broker as a forward proxy: CONNECT to a service's host ends here, and leads nowhere else but to named hosts. */
export class ForwardProxy {
  readonly #rules: readonly Rule[]
  readonly #addresses: AddressRules
  readonly #authenticate: Authenticate

  /** @throws SolveguardError `CONFIG_INVALID` */
  constructor(options: ProxyOptions, authenticate: Authenticate, resolve: Resolve = resolveAll) {
    this.#rules = (options.allow ?? []).map(ruleOf)
    this.#addresses = addressRules(options.privateAddresses ?? [], 'proxy.privateAddresses', resolve)
    this.#authenticate = authenticate
  }

  /** @param answered called once, with what the access log says of it */
  async connect(
    request: IncomingMessage,
    socket: Duplex,
    tunnels: Tunnels,
    answered: (answer: AnsweredConnect) => void = () => {},
  ): Promise<void> {
    tunnels.track(socket)
    const credential = credentialIn(request, 'proxy-authorization')
    const route = this.route(request.url ?? '')
    if (route.kind === 'refused') {
      answered({ host: route.host, status: 403 })
      return refuse(socket, '403 Forbidden', route.sentence)
    }
    if (route.kind === 'here') {
      // The requests within have lines of their own, with the token.
      answered({ host: route.host, status: 200 })
      socket.write(ESTABLISHED)
      tunnels.end(socket, { host: route.host, ...(credential !== undefined && { credential }) })
      return
    }
    // Not before its token was found good, and its name was looked up: the host may be any text.
    const known = route.named ? route.host : undefined
    let tokenId: string
    try {
      if (!credential || credential.length > MAX_CREDENTIAL_LENGTH) throw new Error('no token')
      tokenId = (await this.#authenticate(credential, 'read')).id
    } catch {
      answered({ host: known, status: 407 })
      const sentence = 'A tunnel to another host needs a token as the password of the proxy.'
      return refuse(
        socket,
        '407 Proxy Authentication Required',
        sentence,
        'proxy-authenticate: Basic realm="token"\r\n',
      )
    }
    const addresses = await this.#addresses.addressesOf(route.host)
    if (addresses.length === 0) {
      answered({ host: known, status: 403, tokenId })
      return refuse(socket, '403 Forbidden', `${route.host} has no address that this proxy may reach.`)
    }
    const host = known ?? hostWithoutKeys(route.host)
    tunnel(socket, { ...route, addresses }, tunnels, (status) => answered({ host, status, tokenId }))
  }

  /** Where a CONNECT to `authority` leads. */
  route(authority: string): Route {
    const [, name = '', digits = ''] = /^(\[[\da-f:.]{2,45}\]|[\w.-]{1,253}):(\d{1,5})$/i.exec(authority) ?? []
    const port = Number(digits)
    // The URL parser writes an address in any of its forms, such as 2130706433, as four numbers.
    const url = name && URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`) : undefined
    if (!url || port < 1 || port > 65_535) return { kind: 'refused', sentence: 'CONNECT takes a host and a port.' }
    const host = url.hostname.replace(/\.$/, '').replace(/^\[|\]$/g, '')
    if (serviceOfHost(host) !== undefined) {
      if (port === 443) return { kind: 'here', host }
      return { kind: 'refused', sentence: `This proxy answers for ${host} on port 443 only.`, host }
    }
    const rule = this.#rules.find(({ allows }) => allows(host, port))
    if (rule) return { kind: 'tunnel', host, port, named: this.#rules.some(({ name }) => name === host) }
    return { kind: 'refused', sentence: `This proxy leads to the solving services only, not to ${host}:${port}.` }
  }
}

interface Rule {
  /** The host, where it names one. */
  readonly name?: string
  allows(host: string, port: number): boolean
}

function ruleOf(text: string): Rule {
  if (text === '*') return { allows: (_, port) => port === 443 }
  if (text === '*:*') return { allows: () => true }
  const [, star, name = '', digits = '443'] = /^(\*\.)?(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(text) ?? []
  const url = name && URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`) : undefined
  if (!url) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `startBroker: proxy.allow: expected a host such as pypi.org, not ${text}.`,
    )
  }
  const named = url.hostname.replace(/\.$/, '').replace(/^\[|\]$/g, '')
  const wanted = Number(digits)
  if (star) return { allows: (host, port) => port === wanted && host.endsWith(`.${named}`) }
  return { name: named, allows: (host, port) => port === wanted && host === named }
}

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

function tunnel(
  socket: Duplex,
  { host, port, addresses }: { readonly host: string; readonly port: number; readonly addresses: readonly string[] },
  tunnels: Tunnels,
  answered: (status: number) => void,
): void {
  const lookup = lookupOf(addresses)
  const onward = connect({ host, port, timeout: CONNECT_MS, autoSelectFamily: true, lookup })
  tunnels.track(onward)
  const end = (): void => {
    onward.destroy()
    socket.destroy()
  }
  onward.on('timeout', end).on('error', () => {})
  socket.once('close', end)
  let isOpen = false
  onward.once('close', () => {
    if (isOpen) return end()
    answered(502)
    refuse(socket, '502 Bad Gateway', `No connection to ${host}:${port}.`)
  })
  onward.once('connect', () => {
    isOpen = true
    answered(200)
    onward.setTimeout(IDLE_MS)
    socket.write(ESTABLISHED)
    socket.pipe(onward).pipe(socket)
  })
}

function refuse(socket: Duplex, status: string, sentence: string, more = ''): void {
  const length = Buffer.byteLength(sentence)
  const head = `content-type: text/plain; charset=utf-8\r\ncontent-length: ${length}\r\nconnection: close\r\n${more}`
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n${sentence}`)
}
