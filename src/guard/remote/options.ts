import { z } from 'zod'
import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { checkBaseUrl, type ServiceUrl } from '../../base/service-url.js'
import type { Duration } from '../../policy/duration.js'
import { check } from '../../policy/schema.js'
import { duration } from '../../policy/shapes.js'
import { HeldToken } from '../../tokens/held.js'
import type { Logger } from '../observability/log.js'

/**
 * Options of a guard that holds no key: a broker solves for it, by a token.
 *
 * @example
 * const guard = await createGuard({ broker: 'https://broker.internal', token: process.env.SOLVEGUARD_TOKEN ?? '' })
 */
export interface LightGuardOptions {
  /** The broker's address: `https:`, or `http:` on a loopback address. */
  broker: string
  /** A token of `issueToken` or `narrowToken` whose policy names the origins. Not a handle. */
  token: string
  /**
   * How long a solve tries to connect to the broker before it fails with `SOLVER_UNREACHABLE`; nothing was sent then.
   * `1s` to `10m`.
   *
   * @default '20s'
   */
  connectWithin?: Duration | undefined
  /**
   * Certificates in PEM to trust in place of the machine's, for a broker with a private CA.
   *
   * @default the machine's certificates
   */
  ca?: string | readonly string[] | undefined
  /**
   * Logs every event, as `GuardOptions.logger` does.
   *
   * @default none
   */
  logger?: Logger | undefined
  /**
   * The clock, for tests.
   *
   * @default systemClock
   */
  clock?: Clock | undefined
}

const CONNECT_WITHIN_MS = 20_000

const method = (name: string) => (value: unknown) =>
  typeof (value as Record<string, unknown> | null)?.[name] === 'function'

const shape = z.strictObject({
  broker: z.string({ error: "expected the broker's address such as 'https://broker.internal'" }),
  token: z.string({ error: 'expected a token such as issueToken returns' }),
  connectWithin: duration.refine((ms) => ms >= 1000 && ms <= 600_000, 'expected 1s to 10m').optional(),
  ca: z.union([z.string().includes('-----BEGIN '), z.array(z.string().includes('-----BEGIN '))]).optional(),
  logger: z.custom<object>(method('warn'), 'expected a logger such as pino()').optional(),
  clock: z.custom<object>(method('monotonic'), 'expected a clock').optional(),
})

/** Options that were checked. */
export interface RemoteParts {
  readonly service: ServiceUrl
  readonly token: HeldToken
  readonly connectWithinMs: number
}

/**
 * Checks the options of a guard that holds no key. No message has a part of the token.
 * @throws SolveguardError `CONFIG_INVALID` that names the field; `DeniedError` `TOKEN_INVALID`
 */
export function checkLightOptions(options: LightGuardOptions): RemoteParts {
  const { broker, token: text, connectWithin } = check(shape, options, 'options')
  const service = checkBaseUrl(broker, 'options.broker')
  const token = new HeldToken(text)
  if (token.claims.links.every(({ policy }) => policy.origins === undefined)) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'options.token: its policy names no origins, so no page can be allowed or denied by it; have one issued with ' +
        'policy.origins, or add them with narrowToken.',
    )
  }
  return { service, token, connectWithinMs: connectWithin ?? CONNECT_WITHIN_MS }
}
