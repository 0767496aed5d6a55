import { z } from 'zod'
import type { SolveguardError } from '../base/errors.js'
import { checkSigningSecret } from '../egress/sign.js'
import { check } from '../policy/schema.js'
import { type AlertChannel, DeliveryError } from './channel.js'
import { fetchSecrets, type HttpPostOptions, httpPostShape, PostTarget } from './http-post.js'
import { alertJson } from './payload.js'
import { fingerprintOf, resolveSecret, type SecretSource } from './secret-source.js'

/** Where a `webhookAlerts` posts to, and what it signs with. */
export interface WebhookAlertsOptions extends HttpPostOptions {
  /**
   * What each alert is signed with: `whsec_` and 24 to 64 random bytes in base64. Itself, or a secret provider that has it; where that
   * has the one before too, both sign.
   */
  readonly secret: SecretSource
}

const EXPECTED_SECRET = 'expected a secret that begins with whsec_, or a secret provider that has one'
const shape = z.strictObject({ ...httpPostShape, secret: httpPostShape.url.refine(Boolean, EXPECTED_SECRET) })

/**
 * Posts each alert as JSON, signed as the Standard Webhooks specification says (standardwebhooks.com): `webhook-id`, which stays the same at
 * each try, `webhook-timestamp` and `webhook-signature`. docs/alerts.md says how to verify it.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ alerts: [webhookAlerts({ url: 'https://ops.example.com/hooks/solveguard', secret: envSecret('WEBHOOK_SECRET') })], … })
 */
export function webhookAlerts(options: WebhookAlertsOptions): AlertChannel {
  check(shape, options, 'webhookAlerts')
  const address = new PostTarget('webhookAlerts', options)
  const key = resolveSecret(options.secret, 'webhookAlerts: secret')
  if (key.value) checkSigningSecret(key.value, 'webhookAlerts: secret')
  return {
    kind: 'webhook',
    place: address.place,
    id: `webhook-${fingerprintOf([address.url.fingerprint])}`,
    async deliver(alert, delivery) {
      const secrets = await fetchSecrets(key, delivery.signal)
      try {
        for (const secret of secrets) checkSigningSecret(secret, 'webhookAlerts: secret')
      } catch (error) {
        throw new DeliveryError((error as SolveguardError).message, true)
      }
      await address.post(alertJson(alert), delivery, { id: alert.id, secrets })
    },
  }
}
