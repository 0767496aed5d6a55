import { z } from 'zod'
import type { SolveguardError } from '../base/errors.js'
import { checkSigningSecret } from '../egress/sign.js'
import { check } from '../policy/schema.js'
import { type AlertChannel, DeliveryError } from './channel.js'
import { fetchSecrets, type HttpPostOptions, httpPostShape, PostTarget } from './http-post.js'
import { alertJson } from './payload.js'
import { fingerprintOf, resolveSecret, type SecretSource } from './secret-source.js'

/** Options of `webhookAlerts`. */
export interface WebhookAlertsOptions extends HttpPostOptions {
  /**
   * The secret that signs each alert: `whsec_` and 24 to 64 random bytes in base64. Give the secret itself, or a secret
   * provider that has it. While the provider also has the previous secret, both sign.
   */
  readonly secret: SecretSource
}

const EXPECTED_SECRET = 'expected a secret that begins with whsec_, or a secret provider that has one'
const shape = z.strictObject({ ...httpPostShape, secret: httpPostShape.url.refine(Boolean, EXPECTED_SECRET) })

/**
 * Posts each alert as JSON, signed by the Standard Webhooks specification (https://www.standardwebhooks.com):
 * `webhook-id`, which stays the same at each attempt, `webhook-timestamp` and `webhook-signature`. docs/alerts.md shows
 * how to verify the signature.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * const secret = envSecret('WEBHOOK_SECRET')
 * createGuard({ alerts: [webhookAlerts({ url: 'https://ops.example.com/hooks/solveguard', secret })], … })
 */
export function webhookAlerts(options: WebhookAlertsOptions): AlertChannel {
  check(shape, options, 'webhookAlerts')
  const target = new PostTarget('webhookAlerts', options)
  const key = resolveSecret(options.secret, 'webhookAlerts: secret')
  if (key.value) checkSigningSecret(key.value, 'webhookAlerts: secret')
  return {
    kind: 'webhook',
    place: target.place,
    id: `webhook-${fingerprintOf([target.url.fingerprint])}`,
    async deliver(alert, context) {
      const secrets = await fetchSecrets(key, context)
      try {
        for (const secret of secrets) checkSigningSecret(secret, 'webhookAlerts: secret')
      } catch (error) {
        throw new DeliveryError((error as SolveguardError).message, true)
      }
      await target.post(alertJson(alert), context, { id: alert.id, secrets })
    },
  }
}
