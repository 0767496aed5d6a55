import { z } from 'zod'
import { CODES, docsOf } from '../base/errors.js'
import { check } from '../policy/schema.js'
import type { Alert, AlertChannel } from './channel.js'
import { type HttpPostOptions, httpPostShape, PostTarget } from './http-post.js'
import { fingerprintOf } from './secret-source.js'

/** Options of `slackAlerts`. Its `url` is the address of an incoming webhook. */
export type SlackAlertsOptions = HttpPostOptions

const shape = z.strictObject(httpPostShape)

/** A section's limit, in characters (https://docs.slack.dev/reference/block-kit/blocks/section-block). */
const MAX_SECTION_LENGTH = 3_000

/**
 * Posts each alert to an incoming webhook of Slack, or of Mattermost, which accepts the same JSON.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ alerts: [slackAlerts({ url: envSecret('SLACK_WEBHOOK_URL') })], … })
 */
export function slackAlerts(options: SlackAlertsOptions): AlertChannel {
  check(shape, options, 'slackAlerts')
  const target = new PostTarget('slackAlerts', options)
  return {
    kind: 'slack',
    place: target.place,
    id: `slack-${fingerprintOf([target.url.fingerprint])}`,
    deliver: (alert, context) => target.post(slackJson(alert), context),
  }
}

function slackJson({ code, guard, message, at }: Alert): string {
  const title = `*${code}* – ${escaped(guard)}`
  const text = escaped(message)
  const remedy = escaped(CODES[code].remedy)
  const section = (markdown: string) => ({
    type: 'section',
    text: { type: 'mrkdwn', text: markdown.slice(0, MAX_SECTION_LENGTH) },
  })
  return JSON.stringify({
    // Slack shows this in notifications; Mattermost shows nothing else.
    text: `${title}\n${text}\n${remedy}`,
    blocks: [
      section(`${title}\n${text}`),
      {
        type: 'context',
        elements: [{ type: 'mrkdwn', text: `${remedy} <${docsOf(code)}|More> · ${at.toISOString()}` }],
      },
    ],
  })
}

/**
 * Escapes text so that it holds no link and no mention: `&`, `<` and `>` as Slack requires
 * (https://docs.slack.dev/messaging/formatting-message-text), and `@` for Mattermost, whose mentions are plain text.
 */
function escaped(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@(?=\w)/g, '@\u200b')
}
