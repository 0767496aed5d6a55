import { readFileSync } from 'node:fs'
// biome-ignore lint/plugin: only the list of certificates
import { rootCertificates } from 'node:tls'
import { SERVICE_HOSTS } from '../../wires/services.js'

/** How the calls of a child reach the broker. */
export type Way = 'proxy' | 'register'

/** What a child learns of its broker. */
export interface ChildBroker {
  /** The broker's address. */
  readonly url: string
  readonly token: string
  /** The file with the broker's authority. @default the broker's certificate is of an authority that all trust */
  readonly caFile?: string | undefined
  /** A file with that authority and those that the machine trusts, for variables that replace these. */
  readonly bundleFile?: string | undefined
  /** The address of its forward proxy. @default it is none */
  readonly proxyUrl?: string | undefined
  /** The file of `solveguard/register`. */
  readonly registerFile: string
}

/** Variables of this package, of the secrets stores, and of the tools by which keys are fetched. */
const CREDENTIALS =
  /^(?:SOLVEGUARD_.*|(?:VAULT|BAO)_(?:TOKEN|ADDR|NAMESPACE|CACERT|ROLE_ID|SECRET_ID|WRAPPED_TOKEN|CLIENT_KEY)|OP_(?:SERVICE_ACCOUNT_TOKEN|CONNECT_TOKEN|SESSION_\w+)|DOTENV_KEY|CREDENTIALS_DIRECTORY)$/i
/** Variables that give an application more than the key, and are taken only where the key comes from there. */
const AWS = /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|WEB_IDENTITY_TOKEN_FILE|CONTAINER_\w+)$/i
/** A shorter value occurs in others by chance. */
const MIN_SECRET_LENGTH = 8

/** What is taken out of a child's environment. */
export interface TakenOut {
  /** The kinds of secrets providers that the guard has. */
  readonly kinds: readonly string[]
  /** Whether a text contains a key of the guard. */
  readonly hasKey: (text: string) => boolean
  /** Variables that stay all the same. */
  readonly keep: readonly string[]
}

/**
 * A child's environment: without the key and what gives it, under whatever name, and with a token and the ways to the
 * broker in its place.
 */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  broker: ChildBroker,
  ways: readonly Way[],
  { kinds, hasKey, keep }: TakenOut,
): NodeJS.ProcessEnv {
  const isCredential = (name: string): boolean => CREDENTIALS.test(name) || (kinds.includes('aws') && AWS.test(name))
  const values = Object.entries(env)
    .filter(([name, value = '']) => isCredential(name) && SECRET_NAME.test(name) && value.length >= MIN_SECRET_LENGTH)
    .map(([, value = '']) => value)
  const child: NodeJS.ProcessEnv = {}
  for (const [name, value = ''] of Object.entries(env)) {
    const isSecret = isCredential(name) || hasKey(value) || values.some((secret) => value.includes(secret))
    if (keep.includes(name) || !isSecret) child[name] = value
  }
  child.SOLVEGUARD_BROKER = broker.url
  child.SOLVEGUARD_TOKEN = broker.token
  if (broker.caFile !== undefined) {
    child.SOLVEGUARD_BROKER_CA = broker.caFile
    // Node adds these to the certificates that it has; the file may name a bundle of the user's own.
    child.NODE_EXTRA_CA_CERTS = broker.bundleFile ?? broker.caFile
  }
  if (broker.bundleFile !== undefined) for (const name of CA_VARIABLES) child[name] = broker.bundleFile
  if (ways.includes('register')) {
    // In double quotes, with \ and " escaped: https://nodejs.org/api/cli.html#node_optionsoptions
    child.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} --require=${JSON.stringify(broker.registerFile)}`.trim()
  }
  if (ways.includes('proxy') && broker.proxyUrl !== undefined) {
    const proxy = new URL(broker.proxyUrl)
    proxy.username = 't'
    proxy.password = broker.token
    for (const name of PROXY_VARIABLES) child[name] = proxy.href.replace(/\/$/, '')
    for (const name of EXCEPTION_VARIABLES) {
      const exceptions = child[name]
      if (exceptions !== undefined) child[name] = withoutServices(exceptions)
    }
  }
  return child
}

/** Whether an environment names a proxy for HTTPS. */
export function namesProxy(env: NodeJS.ProcessEnv): boolean {
  return [...PROXY_VARIABLES, 'ALL_PROXY', 'all_proxy'].some((name) => Boolean(env[name]))
}

/** Exceptions to a proxy, without those by which calls to a service would go to the service, past the broker. */
function withoutServices(exceptions: string): string {
  const covers = (exception: string): boolean => {
    const end = exception.replace(/:\d+$/, '').toLowerCase()
    // A star is every host, and so is a name with a star in front for the programs that know it. Some programs compare
    // the ends of names without a dot between them.
    const name = end.replace(/^\*?\.?/, '')
    return name.includes('*') || name === '' || HOSTS.some((host) => host.endsWith(name))
  }
  return exceptions
    .split(/[\s,]+/)
    .filter((exception) => exception !== '' && !covers(exception))
    .join(',')
}

/** Names of variables whose value is a secret itself; others have an address or a path. */
const SECRET_NAME = /(?:KEY|TOKEN|SECRET|PASSWORD|SESSION)/i
/** Each replaces the certificates that a program trusts: OpenSSL and Go, Python's requests, curl. */
const CA_VARIABLES = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'] as const
/** Programs differ in which of the two they read. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy'] as const
/** The hosts that are called without the proxy. */
const EXCEPTION_VARIABLES = ['NO_PROXY', 'no_proxy'] as const
const HOSTS = Object.keys(SERVICE_HOSTS)

/** Where systems keep the certificates that they trust: Debian, Red Hat, Alpine and macOS, SUSE. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
  '/etc/ssl/ca-bundle.pem',
]

/** The certificates that programs of an environment trust, and one more. */
export function bundleWith(ca: string, env: NodeJS.ProcessEnv): string {
  const own = [...new Set([...CA_VARIABLES, 'NODE_EXTRA_CA_CERTS'].map((name) => env[name] ?? ''))]
  const named = own.filter(Boolean).flatMap(readIfThere)
  const system = SYSTEM_BUNDLES.flatMap(readIfThere).slice(0, 1)
  const trusted = system.length > 0 ? system : rootCertificates
  return [...named, ...trusted, ca]
    .map((text) => text.trim())
    .join('\n')
    .concat('\n')
}

function readIfThere(file: string): string[] {
  try {
    return [readFileSync(file, 'utf8')]
  } catch {
    return []
  }
}
