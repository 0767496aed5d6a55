import { z } from 'zod'
import { readBounded } from '../base/bounded-bytes.js'
import { type Code, DeniedError, printable, SolveguardError } from '../base/errors.js'
import { whyNotLoaded } from '../base/packages.js'
import { checkBaseUrl } from '../base/service-url.js'
import { type AgentRoute, routeAgent } from '../net/agent.js'
import { ConnectError } from '../net/connection.js'
import { parseProxy } from '../net/proxy.js'
import { check } from '../policy/schema.js'
import { extractKey } from './json.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion } from './provider.js'

/** Options of `awsSecret`. */
export interface AwsSecretOptions {
  /**
   * The region of the secret.
   * @default the region of the ARN, or else that of AWS's own tools (`AWS_REGION`, the profile)
   */
  readonly region?: string | undefined
  /**
   * Another address of AWS Secrets Manager, such as that of a VPC endpoint: `https:`, or `http:` on a loopback address.
   * @default the region's public endpoint
   */
  readonly endpoint?: string | undefined
  /**
   * Certificates (PEM) to trust in place of the machine's.
   * @default the machine's
   */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The proxy for calls to AWS Secrets Manager, and to STS and SSO for a login:
   * `http(s)://[user:password@]host:port`, or `socks5://…`. The policy's proxy is not used for AWS.
   * @default none; proxies of the environment are not used
   */
  readonly proxy?: string | undefined
  /**
   * The field that holds the key, where the secret is JSON: `apiKey` or `captcha.key`.
   * @default none: the whole secret is the key
   */
  readonly field?: string | undefined
}

const optionsShape = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, "expected a region such as 'eu-central-1'")
    .optional(),
  endpoint: z.string().optional(),
  ca: z.union([z.string(), z.array(z.string())]).optional(),
  proxy: z.string().optional(),
  field: z.string().min(1).max(200).optional(),
})

const MAX_REPLY_BYTES = 1024 * 1024
const STAGES = { current: 'AWSCURRENT', previous: 'AWSPREVIOUS' } as const

/** The parts of AWS's reply that are used. */
interface FetchedValue {
  readonly SecretString?: string | undefined
  readonly VersionId?: string | undefined
  readonly CreatedDate?: Date | undefined
}

type Get = (stage: string, signal: AbortSignal | undefined) => Promise<FetchedValue>

/**
 * A key in AWS Secrets Manager: the version labelled `AWSCURRENT`, and the one labelled `AWSPREVIOUS` while the service
 * does not accept the new one. Credentials are those of AWS's own tools (environment, profile, container, instance).
 * Needs the package `@aws-sdk/client-secrets-manager`, which is loaded at the first fetch.
 *
 * @param secretId the secret's name or ARN
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ secret: awsSecret('captcha/staging', { region: 'eu-central-1', field: 'apiKey' }), … })
 */
export function awsSecret(secretId: string, options: AwsSecretOptions = {}): SecretProvider {
  if (typeof secretId !== 'string' || !/^[\w/+=.@:-]{1,2048}$/.test(secretId)) {
    throw new SolveguardError('CONFIG_INVALID', 'awsSecret(secretId) takes the name or the ARN of a secret.')
  }
  const { field, endpoint, ca, ...given } = check(optionsShape, options, 'options')
  if (endpoint !== undefined) checkBaseUrl(endpoint, 'awsSecret: endpoint')
  const proxy = given.proxy === undefined ? undefined : parseProxy(given.proxy, 'awsSecret: proxy')
  const region = given.region ?? /^arn:[^:]*:secretsmanager:([a-z0-9-]+):/.exec(secretId)?.[1]
  const place = `${secretId} in AWS Secrets Manager`
  let get: Promise<Get> | undefined

  function version({ SecretString: text, VersionId: id, CreatedDate: created }: FetchedValue): SecretVersion {
    if (text === undefined) {
      throw new DeniedError('SECRET_INVALID', `${place} is binary: store the service's API key there as text.`)
    }
    const value = parseKey(extractKey(text, field, place), place, 'the option `field`')
    return { value, version: id ?? value.fingerprint, createdAt: created?.getTime() }
  }

  return {
    kind: 'aws',
    place,
    async fetch(signal) {
      requireVerifiedLogin(process.env)
      get ??= connect(secretId, region, endpoint, { ca, proxy })
      try {
        const call = await get
        // A previous version that is missing or is not a key must not fail the fetch.
        const [current, previous] = await Promise.all([
          call(STAGES.current, signal).then(version),
          call(STAGES.previous, signal)
            .then(version)
            .catch(() => undefined),
        ])
        return previous?.value.fingerprint === current.value.fingerprint ? { current } : { current, previous }
      } catch (error) {
        throw error instanceof SolveguardError ? error : refusal(error, place)
      }
    },
  }
}

async function connect(
  secretId: string,
  region: string | undefined,
  endpoint: string | undefined,
  route: AgentRoute,
): Promise<Get> {
  const { SecretsManagerClient, GetSecretValueCommand } = await load()
  // For the clients by which the SDK logs in, which it makes with this: STS for a role, SSO and its tokens. By default
  // those of SSO accept any certificate where NODE_TLS_REJECT_UNAUTHORIZED is 0.
  const login = {
    clientConfig: {
      requestHandler: { httpAgent: routeAgent('http:', route), httpsAgent: routeAgent('https:', route) },
    },
  }
  const client = new SecretsManagerClient({
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    requestHandler: { httpAgent: routeAgent('http:', route), httpsAgent: routeAgent('https:', route) },
    ...login,
  })
  // The SDK itself reads replies of any length.
  client.middlewareStack.add(
    (next) => async (input) => {
      const result = await next(input)
      const { response } = result
      if (hasStream(response)) {
        const text = await readBounded(response.body, MAX_REPLY_BYTES)
        if (text === undefined) throw Object.assign(new Error(), { name: 'ReplyTooLarge' })
        Object.assign(response, { body: Buffer.from(text) })
      }
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'boundedReply' },
  )
  return (VersionStage, signal) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage }), {
      ...(signal && { abortSignal: signal }),
    })
}

/**
 * The SDK asks the credentials endpoint of a container by a client of its own, which accepts any certificate where
 * `NODE_TLS_REJECT_UNAUTHORIZED` is 0, and sends its authorization.
 */
function requireVerifiedLogin(env: Readonly<Record<string, string | undefined>>): void {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== '0' || env.AWS_ACCESS_KEY_ID) return
  if (!env.AWS_CONTAINER_CREDENTIALS_FULL_URI?.startsWith('https:')) return
  throw new DeniedError(
    'SECRET_UNAVAILABLE',
    'awsSecret does not ask AWS_CONTAINER_CREDENTIALS_FULL_URI for credentials while NODE_TLS_REJECT_UNAUTHORIZED=0 ' +
      'lets any server answer in its place: remove that variable, and trust your authority by NODE_EXTRA_CA_CERTS.',
  )
}

/** Whether a reply has its body as a stream of bytes. */
function hasStream(response: unknown): response is { body: AsyncIterable<Buffer> } {
  const body = typeof response === 'object' && response !== null && 'body' in response ? response.body : undefined
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

async function load() {
  try {
    return await import('@aws-sdk/client-secrets-manager')
  } catch (cause) {
    const why = whyNotLoaded('@aws-sdk/client-secrets-manager', cause)
    throw new DeniedError('SECRET_UNAVAILABLE', `awsSecret needs @aws-sdk/client-secrets-manager, which ${why}.`, {
      cause,
    })
  }
}

/** The meaning of AWS's errors, by name. */
const MEANING: Readonly<Record<string, readonly [code: Code, sentence: string]>> = {
  ResourceNotFoundException: [
    'SECRET_MISSING',
    "there is no such secret in that region; store the service's API key there",
  ],
  InvalidRequestException: ['SECRET_MISSING', 'it has no value, or is scheduled for deletion; restore it'],
  InvalidParameterException: ['SECRET_MISSING', 'that is not a valid name of a secret'],
  ValidationException: ['SECRET_MISSING', 'that is not a valid name of a secret'],
  AccessDeniedException: ['SECRET_DENIED', 'these credentials may not call secretsmanager:GetSecretValue on it'],
  DecryptionFailure: ['SECRET_DENIED', 'these credentials may not call kms:Decrypt with its key'],
  UnrecognizedClientException: ['SECRET_DENIED', 'AWS does not know these credentials'],
  InvalidSignatureException: [
    'SECRET_DENIED',
    'AWS does not accept the signature; check the credentials and the clock',
  ],
  ExpiredTokenException: ['SECRET_DENIED', 'these credentials have expired'],
  CredentialsProviderError: ['SECRET_UNAVAILABLE', 'AWS found no credentials in any of its usual places'],
}

function refusal(error: unknown, place: string): DeniedError {
  if (error instanceof ConnectError) {
    return new DeniedError('SECRET_UNAVAILABLE', `The key could not be read from ${place}: ${error.message}`)
  }
  const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown }
  const errorName = String([name, code].find((one) => typeof one === 'string' && one !== 'Error') ?? 'unknown error')
  const missing = message === 'Region is missing'
  const [meant, sentence] = MEANING[errorName] ?? [
    'SECRET_UNAVAILABLE',
    missing ? 'no region is set (`region`, or AWS_REGION)' : `no answer (${printable(errorName, 60)})`,
  ]
  return new DeniedError(meant, `The key could not be read from ${place}: ${sentence}.`)
}
