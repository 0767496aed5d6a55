/** Where alerts are delivered: `solveguard/alerts`. A new channel is one new file and a line here. */
export { type Alert, type AlertChannel, type DeliveryContext, DeliveryError } from './channel.js'
export { type CommandAlertsOptions, commandAlerts } from './command.js'
export type { HttpPostOptions } from './http-post.js'
export type { SecretSource } from './secret-source.js'
export { type SlackAlertsOptions, slackAlerts } from './slack.js'
export { type WebhookAlertsOptions, webhookAlerts } from './webhook.js'
