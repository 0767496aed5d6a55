import { z } from 'zod'
import { CODES, docsOf } from '../base/errors.js'
import { check } from '../policy/schema.js'
import type { Alert, AlertChannel } from './channel.js'
import { type HttpPostOptions, httpPostShape, PostTarget } from './http-post.js'
import { fingerprintOf } from './secret-source.js'

/** Where a `slackAlerts` posts to: an incoming webhook's address. */
export type SlackAlertsOptions = HttpPostOptions

const shape = z.strictObject(httpPostShape)

/** The most that a section may hold (docs.slack.dev, Block Kit). */
const MAX_SECTION_LENGTH = 3_000

/**
 * Posts each alert to an incoming webhook of Slack's, or of Mattermost's, which takes the same.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ alerts: [slackAlerts({ url: envSecret('SLACK_WEBHOOK_URL') })], … })
 */
export function slackAlerts(options: SlackAlertsOptions): AlertChannel {
  check(shape, options, 'slackAlerts')
  const address = new PostTarget('slackAlerts', options)
  return {
    kind: 'slack',
    place: address.place,
    id: `slack-${fingerprintOf([address.url.fingerprint])}`,
    deliver: (alert, delivery) => address.post(slackJson(alert), delivery),
  }
}

function slackJson({ code, guard, message, at }: Alert): string {
  const title = `*${code}* – ${escaped(guard)}`
  const said = escaped(message)
  const remedy = escaped(CODES[code].remedy)
  const section = (text: string) => ({
    type: 'section',
    text: { type: 'mrkdwn', text: text.slice(0, MAX_SECTION_LENGTH) },
  })
  return JSON.stringify({
    // What notifications show, and all that Mattermost shows.
    text: `${title}\n${said}\n${remedy}`,
    blocks: [
      section(`${title}\n${said}`),
      {
        type: 'context',
        elements: [{ type: 'mrkdwn', text: `${remedy} <${docsOf(code)}|More> · ${at.toISOString()}` }],
      },
    ],
  })
}

/** As Slack asks, so that nothing in a message is a link or a mention; and no mention for Mattermost, which has them plain. */
function escaped(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@(?=\w)/g, '@\u200b')
}
